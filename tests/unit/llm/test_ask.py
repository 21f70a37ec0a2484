"""One conversation with a model, over the official clients and both providers' real wire."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from pc_worker.llm import LlmFailure, Usage
from pc_worker.llm.ask import Conversation, ReplyPart, pump
from pc_worker.llm.clients import make_model
from pc_worker.llm.usage import plausible
from pc_worker.model.language_model import read_language_models
from tests.support.llm.server import FakeLlm
from tests.support.llm.talk import Asked, Said

PROVIDERS = ("openai", "anthropic")
KEYS: dict[Any, str | None] = {"openai": "sk-test-secret", "anthropic": "sk-ant-secret"}


@pytest.fixture(scope="module")
def server() -> Iterator[FakeLlm]:
    with FakeLlm(lambda _: Said(text="hello")) as running:
        yield running


def ask(
    server: FakeLlm, provider: str, said: Said, *, stream: bool, **options: Any
) -> tuple[Conversation, list[ReplyPart]]:
    """Ask once; the fake calls tools only in its first reply."""
    server.behaviour = lambda asked: said if not asked.results else Said(text=f"It was {asked.results[-1]}.")
    (model,) = read_language_models(server.model("m", provider))
    conversation = Conversation(instructions="Be short.", prompt="Why?", stream=stream, **options)

    async def run() -> list[ReplyPart]:
        async with asyncio.timeout(60):
            return [piece async for piece in conversation.run(make_model(model, keys=KEYS, timeout_s=60))]

    return conversation, asyncio.run(run())


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_text_and_its_tokens_arrive(server: FakeLlm, provider: str, stream: bool) -> None:
    said = Said(text="Because the sky is blue today.", usage=(21, 9))

    conversation, got = ask(server, provider, said, stream=stream)

    assert "".join(piece.text for piece in got) == said.text
    assert (len(got) > 1) == stream
    assert conversation.usage == Usage(21, 9)
    assert (server.asked[-1].system, server.asked[-1].prompt) == ("Be short.", "Why?")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_tool_is_called_and_its_result_sent_back(server: FakeLlm, provider: str, stream: bool) -> None:
    async def count_rows(where: str) -> str:
        """Count rows."""
        return f"seven of {where}"

    said = Said(text="Let me see.", calls=(("count_rows", '{"where": "all"}'),))

    _, got = ask(server, provider, said, stream=stream, tools=[count_rows])

    last = max((i for i, piece in enumerate(got) if piece.kind == "restart"), default=-1)
    assert "".join(piece.text for piece in got[last + 1 :]) == "It was seven of all."
    assert server.asked[-1].tools == ("count_rows",)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Said(status=429, error="rate_limit_error", headers={"retry-after": "7"}), "rate_limited"),
        (Said(status=500), "server_error"),
        (Said(status=529, error="overloaded_error"), "server_error"),
        (Said(status=503), "server_error"),
        (Said(status=401, error="authentication_error"), "unauthorised"),
        (Said(status=404, error="not_found_error"), "rejected"),
        (Said(raw=b"{not json", headers={"content-type": "application/json"}), "invalid_output"),
        (Said(raw=b"<html>busy</html>", headers={"content-type": "text/html"}), "invalid_output"),
        (Said(raw=b'{"object": "nothing"}'), "invalid_output"),
        (Said(text=""), "invalid_output"),
        (Said(text="half of an answer that is cut", cut_after=3), "connection"),
        (Said(declined="I cannot help with that."), "declined"),
    ],
)
def test_every_failure_has_its_reason(server: FakeLlm, provider: str, said: Said, reason: str, stream: bool) -> None:
    with pytest.raises(LlmFailure) as caught:
        ask(server, provider, said, stream=stream)

    assert caught.value.reason == reason
    assert caught.value.retry_after_s == (7.0 if said.headers.get("retry-after") else None)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("end_after", range(3, 7))
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_stream_that_ends_early_is_no_answer(server: FakeLlm, provider: str, end_after: int) -> None:
    """Without a length, a lost connection looks like the end."""
    said = Said(text="one answer in very many small parts that is whole only with its last word", end_after=end_after)

    with pytest.raises(LlmFailure, match="cut before its end") as caught:
        ask(server, provider, said, stream=True)

    assert caught.value.reason == "connection"


@pytest.mark.parametrize(
    ("ending", "is_whole"),
    [
        ('data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "eos"}]}\n\n', True),
        ("data: [DONE]\n\n", True),
        ("data:[DONE]\r\n\r\n", True),
        (r'data: {"choices": [{"index": 0, "delta": {"content": "\ndata: [DONE]"}}]}' + "\n\n", False),
        (r'data: {"choices": [{"index": 0, "delta": {"content": "\"finish_reason\":\"stop\""}}]}' + "\n\n", False),
        ('data: {"choices": [{"index": 0, "del', False),
    ],
)
def test_a_stream_is_whole_with_a_reason_or_a_last_event(server: FakeLlm, ending: str, is_whole: bool) -> None:
    begin = 'data: {"choices": [{"index": 0, "delta": {"content": "four"}, "finish_reason": null}]}\n\n'
    said = Said(raw=(begin + ending).encode(), headers={"content-type": "text/event-stream"})

    if is_whole:
        _, got = ask(server, "openai", said, stream=True)
        assert [piece.text for piece in got] == ["four"]
    else:
        with pytest.raises(LlmFailure, match="cut before its end"):
            ask(server, "openai", said, stream=True)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_model_that_does_not_stop_is_cut_off(server: FakeLlm, provider: str) -> None:
    with pytest.raises(LlmFailure, match="more than"):
        ask(server, provider, Said(text="on" * 1000, endless=True), stream=True)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("at_limit", [False, True])
def test_a_reply_that_ends_at_the_limit_of_tokens_is_known(
    server: FakeLlm, provider: str, at_limit: bool, stream: bool
) -> None:
    conversation, got = ask(server, provider, Said(text="Because the", at_limit=at_limit), stream=stream)

    assert "".join(piece.text for piece in got) == "Because the"
    assert conversation.cut is at_limit


def failed(server: FakeLlm, provider: str, said: Said, *, stream: bool) -> Conversation:
    """Return a conversation that failed."""
    server.behaviour = lambda _: said
    (model,) = read_language_models(server.model("m", provider))
    conversation = Conversation(instructions="Be short.", prompt="Why?", stream=stream)

    async def run() -> None:
        async for _ in conversation.run(make_model(model, keys=KEYS, timeout_s=60)):
            pass

    with pytest.raises(LlmFailure):
        asyncio.run(run())
    return conversation


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
def test_a_refused_request_costs_nothing(server: FakeLlm, provider: str, status: int, stream: bool) -> None:
    assert failed(server, provider, Said(status=status), stream=stream).usage == Usage()


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("said", "stream"),
    [
        (Said(text="half of an answer", cut_after=0), False),
        (Said(text="half of an answer", cut_after=1), True),
        (Said(raw=b"{not json", headers={"content-type": "application/json"}), False),
    ],
)
def test_a_reply_that_breaks_before_its_first_text_costs_its_prompt(
    server: FakeLlm, provider: str, said: Said, stream: bool
) -> None:
    used = failed(server, provider, said, stream=stream).usage

    assert used.input_tokens > 0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_conversation_that_is_left_before_its_first_text_costs_its_prompt(
    server: FakeLlm, provider: str, stream: bool
) -> None:
    """The caller of an answer goes, or its time is over, while the model thinks."""
    server.behaviour = lambda _: Said(text="never", stall_after=2, wait=not stream)
    (model,) = read_language_models(server.model("m", provider))
    conversation = Conversation(instructions="Be short.", prompt="Why?", stream=stream)
    before = len(server.asked)

    async def leave() -> None:
        pieces = pump(conversation, make_model(model, keys=KEYS, timeout_s=60), within_s=60)
        reading = asyncio.ensure_future(anext(pieces))
        async with asyncio.timeout(60):
            while len(server.asked) == before:  # noqa: ASYNC110 - the server is in another thread
                await asyncio.sleep(0.01)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await pieces.aclose()

    asyncio.run(leave())

    assert conversation.usage.input_tokens > 0


def test_a_conversation_that_did_not_begin_costs_nothing() -> None:
    assert Conversation(instructions="Be short.", prompt="Why?").usage == Usage()


def test_text_that_was_received_is_counted_even_if_the_server_reports_its_tokens_at_the_end_only() -> None:
    known: dict[str, Any] = {"sent": "four" * 20, "received": "four" * 10, "requests": 1, "most_output": 100}

    assert plausible(Usage(21, 1), **known, is_whole=False) == Usage(21, 10, estimated=True)
    assert plausible(Usage(21, 1), **known, is_whole=True) == Usage(21, 1)


@pytest.mark.filterwarnings("ignore:Failed to extract usage")  # as `ask` does outside of pytest
@pytest.mark.parametrize("usage", [(0, 0), (-5, 3), (10**9, 3), (20, 10**9)])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_impossible_usage_is_estimated(server: FakeLlm, provider: str, usage: tuple[int, int]) -> None:
    conversation, _ = ask(server, provider, Said(text="four", usage=usage), stream=False)

    assert conversation.usage == Usage(4, 1, estimated=True)


def test_a_server_without_a_port_is_a_connection_failure() -> None:
    (model,) = read_language_models("openai:m@http://127.0.0.1:1/v1")

    conversation = Conversation(instructions="", prompt="Why?")

    async def run() -> None:
        async for _ in conversation.run(make_model(model, keys=KEYS, timeout_s=5)):
            pass

    with pytest.raises(LlmFailure) as caught:
        asyncio.run(run())

    assert caught.value.reason == "connection"
    assert conversation.usage == Usage()


def test_a_provider_of_its_own_needs_a_key() -> None:
    (model,) = read_language_models("anthropic:claude-x")

    with pytest.raises(LlmFailure, match="ANTHROPIC_API_KEY") as caught:
        make_model(model, keys={}, timeout_s=5)

    assert caught.value.reason == "not_configured"


def test_what_a_fake_llm_takes_is_strict(server: FakeLlm) -> None:
    """The fake itself refuses what the provider would refuse."""
    import httpx2

    answers = [
        httpx2.post(f"{server.url}/v1/chat/completions", json={"model": "m", "messages": [{"role": "user"}]}),
        httpx2.post(
            f"{server.url}/v1/messages",
            json={"model": "m", "messages": [{"role": "user", "content": "a"}]},
            headers={"x-api-key": "k", "anthropic-version": "2023-06-01"},
        ),
    ]

    assert [answer.status_code for answer in answers] == [400, 400]


def test_behaviour_may_differ_by_model(server: FakeLlm) -> None:
    def behaviour(asked: Asked) -> Said:
        return Said(text=asked.model)

    server.behaviour = behaviour
    (model,) = read_language_models(server.model("other"))

    async def run() -> list[str]:
        conversation = Conversation(instructions="", prompt="Who?")
        return [piece.text async for piece in conversation.run(make_model(model, keys=KEYS, timeout_s=60))]

    assert asyncio.run(run()) == ["other"]
