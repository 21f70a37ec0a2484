"""Language models that write answers: ``PROVIDER:NAME[@BASE_URL]``, and their prices."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

#: What is searched for besides the question: nothing, queries in other words, or a passage that could answer it.
Expansion = Literal["off", "multi", "hyde"]
LlmProvider = Literal["openai", "anthropic"]

MAX_MODELS = 16
TOKENS_OF_A_PRICE = 1_000_000


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A language model; ``base_url`` is None for the provider's own server."""

    provider: LlmProvider
    name: str
    base_url: str | None = None

    @property
    def label(self) -> str:
        """``PROVIDER:NAME``, without the URL, which may be internal."""
        return f"{self.provider}:{self.name}"


@dataclass(frozen=True, slots=True)
class LlmPrice:
    """USD for a million tokens; ``model`` is a name or a label."""

    model: str
    input_usd: float
    output_usd: float


def read_language_models(text: str) -> tuple[LanguageModel, ...]:
    """Parse a comma-separated list of ``PROVIDER:NAME[@BASE_URL]``.

    Raises:
        ValueError: If one has another form, occurs twice, or there are too many.

    >>> read_language_models("openai:m:8b@http://localhost:1/v1")
    (LanguageModel(provider='openai', name='m:8b', base_url='http://localhost:1/v1'),)
    """
    models = tuple(_model(part) for part in (part.strip() for part in text.split(",")) if part)
    if len(models) > MAX_MODELS:
        raise ValueError(f"names {len(models)} models: it may name {MAX_MODELS}")
    twice = sorted({model.label for model in models if models.count(model) > 1})
    if twice:
        raise ValueError(f"names {twice[0]} twice")
    return models


def _model(text: str) -> LanguageModel:
    before, colon, rest = text.partition(":")
    known: tuple[LlmProvider, ...] = get_args(LlmProvider)
    provider = next((name for name in known if colon and name == before), None)
    if provider is None:
        raise ValueError(f"{_without_login(text)!r} is not PROVIDER:NAME[@BASE_URL] with provider {' or '.join(known)}")
    name, url = _split_url(rest)
    if not name or any(char.isspace() for char in name):
        raise ValueError(f"{_without_login(text)!r} names no model")
    return LanguageModel(provider, name, None if url is None else _checked_url(url))


def _split_url(text: str) -> tuple[str, str | None]:
    for scheme in ("@http://", "@https://"):
        name, found, rest = text.partition(scheme)
        if found:
            return name, found[1:] + rest
    return text, None


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        valid = bool(parts.hostname) and (parts.port or True) and not parts.query and not parts.fragment
    except ValueError:
        valid = False
    if not valid:
        raise ValueError("a base URL is not http(s)://HOST[:PORT]/PATH")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a base URL has a login in it: set the key of the provider instead")
    return url.rstrip("/")


def _without_login(text: str) -> str:
    return text if text.count("@") < 2 else text.partition("@")[0] + "@…"


def read_prices(text: str) -> tuple[LlmPrice, ...]:
    """Parse a JSON object, model → ``{"input": USD, "output": USD}`` for a million tokens, or ``[input, output]``.

    Raises:
        ValueError: If it has another form.
    """
    try:
        table = json.loads(text)
    except ValueError:
        raise ValueError("is not JSON") from None
    if not isinstance(table, dict):
        raise ValueError('is not an object {"MODEL": {"input": USD, "output": USD}}')
    return tuple(LlmPrice(model, *_price(model, value)) for model, value in table.items())


def _price(model: str, value: Any) -> tuple[float, float]:
    pair: list[Any]
    if isinstance(value, dict):
        pair = [value.get(side, value.get(f"{side}_mtok")) for side in ("input", "output")]
    else:
        pair = list(value) if isinstance(value, list) else []
    if len(pair) != 2 or not all(_is_amount(amount) for amount in pair):
        raise ValueError(f'the price of {model[:80]!r} is not {{"input": USD, "output": USD}} for a million tokens')
    return float(pair[0]), float(pair[1])


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= sys.float_info.max
