"""OpenAI's chat completions on the wire: requests checked strictly, answers as JSON or as server-sent events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.support.llm.talk import Asked, Said, parts

PATH = "/v1/chat/completions"
ROLES = {"system", "developer", "user", "assistant", "tool"}
KNOWN = {
    "model", "messages", "stream", "stream_options", "tools", "tool_choice", "max_completion_tokens", "max_tokens",
    "temperature", "parallel_tool_calls", "n", "stop", "seed", "user", "response_format",
}  # fmt: skip


class Wrong(Exception):
    """The request is not one that the provider takes."""


def parse(body: Mapping[str, Any], headers: Mapping[str, str], number: int) -> Asked:
    if not headers.get("authorization", "").startswith("Bearer "):
        raise Wrong("You didn't provide an API key")
    unknown = set(body) - KNOWN
    if unknown or not isinstance(body.get("model"), str) or not body.get("messages"):
        raise Wrong(f"Unrecognized request argument supplied: {sorted(unknown)}")
    messages = body["messages"]
    _check_turns(messages)
    if any(t["type"] != "function" or t["function"]["parameters"]["type"] != "object" for t in body.get("tools") or ()):
        raise Wrong("invalid tool")
    return Asked(
        provider="openai",
        model=body["model"],
        system="\n".join(_text(m) for m in messages if m["role"] in ("system", "developer")),
        prompt=next(_text(m) for m in messages if m["role"] == "user"),
        tools=tuple(tool["function"]["name"] for tool in body.get("tools") or ()),
        results=tuple(_text(m) for m in messages if m["role"] == "tool"),
        stream=bool(body.get("stream")),
        number=number,
    )


def _check_turns(messages: Sequence[Mapping[str, Any]]) -> None:
    pending: set[str] = set()
    for message in messages:
        if message.get("role") not in ROLES:
            raise Wrong("invalid role")
        if message["role"] == "tool":
            if message.get("tool_call_id") not in pending:
                raise Wrong("'tool' must be a response to a preceding message with 'tool_calls'")
            pending.discard(message["tool_call_id"])
        elif pending:
            raise Wrong("tool_calls must be followed by tool messages")
        for call in message.get("tool_calls") or ():
            json.loads(call["function"]["arguments"])
            pending.add(call["id"])


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content or ())


def error(said: Said) -> dict[str, Any]:
    return {"error": {"message": "the fake says no", "type": said.error, "param": None, "code": said.error}}


def document(asked: Asked, said: Said) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said.text or None, "refusal": said.declined}
    if said.calls:
        message["tool_calls"] = [_call(said, index, *call) for index, call in enumerate(said.calls)]
    finish = "content_filter" if said.declined == "" and not said.calls else _finish(said)
    whole = _head(asked, "chat.completion")
    whole["choices"] = [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}]
    return whole | _usage(asked, said)


def events(asked: Asked, said: Said) -> Iterator[str]:
    yield _chunk(asked, {"role": "assistant", "content": ""})
    if said.declined is not None:
        yield _chunk(asked, {"refusal": said.declined})
    for piece in parts(said.text) if said.text else ():
        yield _chunk(asked, {"content": piece})
    for index, call in enumerate(said.calls):
        whole = _call(said, index, *call)
        arguments = whole["function"].pop("arguments")
        yield _chunk(asked, {"tool_calls": [{"index": index, **whole}]})
        for start in range(0, len(arguments), 12):
            part = {"index": index, "function": {"arguments": arguments[start : start + 12]}}
            yield _chunk(asked, {"tool_calls": [part]})
    yield from said.raw_events
    yield _chunk(asked, {}, finish=_finish(said))
    if not said.no_usage:
        yield f"data: {json.dumps(_head(asked, 'chat.completion.chunk') | {'choices': []} | _usage(asked, said))}\n\n"
    yield "data: [DONE]\n\n"


def _call(said: Said, index: int, name: str, arguments: str) -> dict[str, Any]:
    return {
        "id": "call" if said.equal_ids else f"call_{index}_{name}",
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def _finish(said: Said) -> str:
    return "length" if said.at_limit else "tool_calls" if said.calls else "stop"


def _head(asked: Asked, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{asked.number}", "object": kind, "created": 1_780_000_000, "model": asked.model}


def _usage(asked: Asked, said: Said) -> dict[str, Any]:
    if said.no_usage:
        return {}
    sent, written = said.tokens(asked)
    total = sent + written if isinstance(sent, int) and isinstance(written, int) else 0
    return {"usage": {"prompt_tokens": sent, "completion_tokens": written, "total_tokens": total}}


def _chunk(asked: Asked, delta: Mapping[str, Any], *, finish: str | None = None) -> str:
    whole = _head(asked, "chat.completion.chunk")
    whole["choices"] = [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}]
    return f"data: {json.dumps(whole, ensure_ascii=False)}\n\n"
