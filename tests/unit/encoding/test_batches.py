"""Batches by tokens: bounded, complete, of like length."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pc_worker.encoding.text.batches import padded, token_batches

LENGTHS = st.lists(st.integers(min_value=1, max_value=256))


@given(LENGTHS, st.integers(min_value=1, max_value=2048))
def test_every_text_is_in_one_batch_and_none_exceeds_the_budget(lengths: list[int], budget: int) -> None:
    batches = list(token_batches(lengths, tokens_per_batch=budget))

    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[index] for index in batch) <= budget


@given(LENGTHS)
def test_the_longest_texts_come_first(lengths: list[int]) -> None:
    order = [lengths[i] for batch in token_batches(lengths, tokens_per_batch=512) for i in batch]

    assert order == sorted(lengths, reverse=True)


def test_a_batch_of_mixed_lengths_pads_little() -> None:
    lengths = [n % 200 + 1 for n in range(300)]

    size = sum(len(batch) * lengths[batch[0]] for batch in token_batches(lengths, tokens_per_batch=512))

    assert size < 1.1 * sum(lengths)


def test_padding_is_masked() -> None:
    ids, mask, pooled = padded([[5, 6, 7], [8]], padding=1, skipped=1)

    assert ids.tolist() == [[5, 6, 7], [8, 1, 1]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert pooled.tolist() == [[0, 1, 1], [0, 0, 0]]
