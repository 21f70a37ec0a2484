"""What tokens cost: the operator's own table first, then the known prices of the providers."""

from __future__ import annotations

from collections.abc import Iterable

from pc_worker.llm.usage import Usage
from pc_worker.model.language_model import TOKENS_OF_A_PRICE, LanguageModel, LlmPrice


class PriceTable:
    """Prices by model; ``own`` take precedence over the known ones."""

    def __init__(self, own: Iterable[LlmPrice] = ()) -> None:
        self._own = {price.model: price for price in own}

    def cost_usd(self, model: LanguageModel, usage: Usage) -> float | None:
        """Return the cost in USD, None if the model's price is unknown."""
        own = self._own.get(model.label) or self._own.get(model.name)
        if own is None:
            return _known(model, usage)
        total = own.input_usd * usage.input_tokens + own.output_usd * usage.output_tokens
        return total / TOKENS_OF_A_PRICE


def _known(model: LanguageModel, usage: Usage) -> float | None:
    try:
        import genai_prices
    except ModuleNotFoundError:
        return None
    try:
        tokens = genai_prices.Usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)
        return float(genai_prices.calc_price(tokens, model.name, provider_id=model.provider).total_price)
    except (LookupError, ValueError):
        return None
