"""A made-up ``candidate`` file, shaped as the résumés of the system that came before."""

from __future__ import annotations

from pathlib import Path

from pc_worker.domains import Options
from pc_worker.samples.invention import (
    Dice,
    Oddity,
    Row,
    object_array,
    object_frame,
    row_id,
    with_oddities,
)
from pc_worker.samples.pools import pools
from pc_worker.samples.sample import Sample, count, write_pickle
from pc_worker.samples.skills import as_json, skills_vector

_ROWS = 1500
_WISHES = ("a product company", "remote work", "a mentor", "a bigger team", "fewer meetings", "less legacy code")
_ACTS = ("moved", "rewrote", "tested", "maintained", "designed", "scaled")
_THINGS = ("a billing system", "an internal portal", "the public API", "a mobile client", "the data platform")


def write_candidates(folder: Path) -> Sample:
    """Write ``candidate_v2.pkl``: a bare frame, years as float64."""
    dice = Dice(2)
    rows, outcomes = with_oddities([_resume(dice, number) for number in range(_ROWS)], _oddities())
    path = folder / "candidate_v2.pkl"
    frame = object_frame(rows, **{"Experience Years": "float64", "__index_level_0__": "int64"})
    write_pickle(frame, path)
    return Sample(path, "candidate", Options(), len(rows), count(outcomes))


def _resume(dice: Dice, number: int) -> Row:
    category, skills = dice.category_and_skills()
    years = _years(dice)
    return {
        "id": row_id("candidate", number),
        "Position": f"{category} specialist",
        "Primary Keyword": category,
        "Experience Years": years,
        "English Level": dice.one(pools().english_levels),
        "CV": _story(dice, skills),
        "CV_lang": dice.one(pools().languages),
        "Moreinfo": f"Based near a good airport. Notice period: {dice.number(1, 8)} weeks.",
        "Looking For": f"I am looking for {dice.one(_WISHES)}." if dice.chance(0.518) else None,
        "Highlights": None,
        "skills": object_array(skills),
        "normalized_skills": object_array(skills),
        "embedding_input_text": ", ".join(skills),
        "skill_vector": as_json(skills_vector(skills)),
        "__index_level_0__": number,
    }


def _oddities() -> list[Oddity]:
    return [
        Oddity({"skills": object_array([])}, "skipped"),
        Oddity({"skills": object_array([])}, "skipped"),
        Oddity({"skills": None}, "skipped"),
        Oddity({"skill_vector": None}, "skipped"),
        Oddity({"Primary Keyword": None}, "written"),  # becomes "Unknown"
        Oddity({"Experience Years": -1.0}, "dead"),
        Oddity({"CV": None}, "dead"),
        Oddity({"skill_vector": as_json(0 * skills_vector(["java"]))}, "dead"),
        Oddity({"skill_vector": "see the other file"}, "dead"),
        Oddity({"skills": object_array(["java", None])}, "dead"),
    ]


def _years(dice: Dice) -> float | None:
    """Return None for a few, 0 for a fifth, else up to 15 in steps of 0.5."""
    if dice.chance(0.01):
        return None
    return 0.0 if dice.chance(0.19) else dice.number(1, 30) / 2


def _story(dice: Dice, skills: list[str]) -> str:
    stations = (
        f"At {company} I {dice.one(_ACTS)} {dice.one(_THINGS)} with {dice.one(skills)} and {dice.one(skills)}."
        for company in dice.some(pools().companies, 2, 5)
    )
    return f"I know {', '.join(skills)}.\n\n" + "\n".join(stations)
