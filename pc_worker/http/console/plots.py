"""Small plots as SVG, drawn on the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT = 480, 96


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a plot: its height, and what a pointer over it shows."""

    value: float
    label: str


def bars(values: Sequence[Bar], *, title: str) -> Markup:
    """Return a bar chart; its title is read to those who do not see it."""
    highest = max((bar.value for bar in values), default=0) or 1
    step = WIDTH / max(1, len(values))
    drawn = [
        f'<rect class="bar" x="{place * step + 1:.1f}" y="{HEIGHT - HEIGHT * bar.value / highest:.1f}" '
        f'width="{max(1.0, step - 2):.1f}" height="{HEIGHT * bar.value / highest:.1f}">'
        f"<title>{escape(bar.label)}</title></rect>"
        for place, bar in enumerate(values)
    ]
    return Markup(  # noqa: S704 - numbers and escaped texts
        f'<figure><svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}" '
        f'preserveAspectRatio="none">{"".join(drawn)}</svg>{_caption(values)}</figure>'
    )


def _caption(values: Sequence[Bar]) -> Markup:
    """Return what the axes of a plot would say: where it begins and ends, and its highest bar."""
    if not values:
        return Markup("")
    highest = max(values, key=lambda bar: bar.value)
    texts = (f"{values[0].label}", f"highest: {highest.label}", f"{values[-1].label}")
    return Markup("<figcaption>{}</figcaption>").format(Markup("").join(map(Markup("<span>{}</span>").format, texts)))


#: The parts of a job's rows, in the order of the bar; each is a class of the style sheet.
PARTS = ("written", "unchanged", "skipped", "dead")


def row_bar(total: int, **parts: int) -> Markup:
    """Return the bar of a job: written + unchanged + skipped + dead of its rows."""
    at, drawn = 0.0, []
    for name in PARTS:
        width = 100 * parts[name] / total if total else 0
        if width:
            drawn.append(
                f'<rect class="{name}" x="{at:.3f}" y="0" width="{width:.3f}" height="8">'
                f"<title>{name}: {parts[name]:,}</title></rect>"
            )
        at += width
    told = ", ".join(f"{parts[name]:,} {name}" for name in PARTS)
    return Markup(  # noqa: S704 - numbers and names of ours
        f'<svg class="rowbar" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" '
        f'aria-label="{told} of {total:,} rows">{"".join(drawn)}</svg>'
    )
