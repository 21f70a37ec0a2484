"""The price of an engine's tokens: the operator's own table first, then the public list of providers' prices."""

from __future__ import annotations

from collections.abc import Mapping

from pc_worker.urls import Engine

TOKENS_OF_A_PRICE = 1_000_000


def usd_per_token(engine: Engine, table: Mapping[str, float]) -> float | None:
    """Return USD per token, 0 for a server on this machine that no list knows, None if the price is not known.

    Args:
        engine: The engine.
        table: USD per million tokens, by the model's name or ``openai:NAME``; it wins over the public list.
    """
    for name in (engine.name, f"openai:{engine.name}"):
        if name in table:
            return table[name] / TOKENS_OF_A_PRICE
    listed = _listed(engine)
    if listed is None and engine.is_loopback:
        return 0.0
    return listed


def _listed(engine: Engine) -> float | None:
    try:
        from genai_prices import Usage, calc_price
    except ImportError:  # a part of the extra "llm"
        return None
    usage = Usage(input_tokens=TOKENS_OF_A_PRICE)
    try:
        found = calc_price(usage, engine.name, provider_api_url=engine.base_url)
    except LookupError:
        return None
    return float(found.total_price) / TOKENS_OF_A_PRICE
