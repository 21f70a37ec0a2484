"""Prometheus metrics of answers and of the language models that write them."""

from __future__ import annotations

from pc_worker.metrics.multiprocess import Counter, Histogram

BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)

ANSWERS = Counter("pcw_answers_total", "Answers by outcome.", ["domain", "outcome"])
ANSWER_SECONDS = Histogram("pcw_answer_seconds", "Seconds of one answer, model included.", ["domain"], buckets=BUCKETS)
ANSWER_COST = Counter("pcw_answer_cost_usd_total", "USD that answers cost, where the price is known.", ["domain"])
FLAGS = Counter("pcw_answer_flags_total", "What the check of answers found.", ["domain", "kind"])
INSTRUCTIONS = Counter(
    "pcw_answer_instructions_left_out_total", "Sentences of rows that speak to the model, not shown to it.", ["domain"]
)
LLM_REQUESTS = Counter("pcw_llm_requests_total", "Conversations with language models by outcome.", ["model", "outcome"])
LLM_SECONDS = Histogram("pcw_llm_seconds", "Seconds of one conversation with a model.", ["model"], buckets=BUCKETS)
LLM_TOKENS = Counter("pcw_llm_tokens_total", "Tokens by direction.", ["model", "direction"])
