"""Replies of any embeddings server: strict in the vectors, and not in what only some servers have."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pc_worker.encoding.remote.failures import WrongReply
from pc_worker.encoding.remote.reply import read_reply

DATA = {"data": [{"index": 0, "embedding": [3.0, 4.0]}]}


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (None, 0),
        ({}, 0),
        ([], 0),
        ("none", 0),
        ({"prompt_tokens": None}, 0),
        ({"prompt_tokens": None, "total_tokens": 7}, 7),
        ({"prompt_tokens": "7"}, 0),
        ({"prompt_tokens": -7}, 0),
        ({"prompt_tokens": 7.0, "total_tokens": None}, 7),
        ({"prompt_tokens": 7, "prompt_tokens_details": {"cached_tokens": None}}, 7),
    ],
)
def test_usage_of_any_form_is_read(usage: Any, tokens: int) -> None:
    assert read_reply(json.dumps(DATA | {"usage": usage}).encode(), texts=1).tokens == tokens


@pytest.mark.parametrize(
    "more", [{}, {"model": None}, {"model": {"id": "m"}}, {"object": None, "id": None, "model": 3}]
)
def test_a_server_need_not_name_its_model(more: dict[str, Any]) -> None:
    found = read_reply(json.dumps(DATA | more).encode(), texts=1, model="m")

    assert found.vectors.tolist() == [pytest.approx([0.6, 0.8])]
    assert (found.model, found.tokens) == ("", 0)


def test_another_model_is_refused() -> None:
    with pytest.raises(WrongReply, match="of the model 'other'"):
        read_reply(json.dumps(DATA | {"model": "other"}).encode(), texts=1, model="m")
