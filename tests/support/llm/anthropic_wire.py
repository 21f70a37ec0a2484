"""Anthropic's messages on the wire: requests checked strictly, answers as JSON or as server-sent events."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.support.llm.openai_wire import Wrong
from tests.support.llm.talk import Asked, Said, parts

PATH = "/v1/messages"
VERSION = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")
KNOWN = {
    "model", "messages", "max_tokens", "system", "stream", "tools", "tool_choice", "temperature", "stop_sequences",
    "metadata", "thinking", "top_p", "top_k",
}  # fmt: skip


def parse(body: Mapping[str, Any], headers: Mapping[str, str], number: int) -> Asked:
    if not headers.get("x-api-key") and not headers.get("authorization", "").startswith("Bearer "):
        raise Wrong("authentication is required")
    if not VERSION.fullmatch(headers.get("anthropic-version", "")):
        raise Wrong("anthropic-version: header is required")
    unknown = set(body) - KNOWN
    if unknown or not isinstance(body.get("max_tokens"), int) or not body.get("messages"):
        raise Wrong(f"{sorted(unknown)}: Extra inputs are not permitted")
    messages = body["messages"]
    if any(message["role"] not in ("user", "assistant") for message in messages):
        raise Wrong("messages: roles must be user or assistant")
    calls = {b["id"] for m in messages if m["role"] == "assistant" for b in _blocks(m) if b["type"] == "tool_use"}
    results = [b for m in messages if m["role"] == "user" for b in _blocks(m) if b["type"] == "tool_result"]
    if {result["tool_use_id"] for result in results} != calls:
        raise Wrong("tool_use ids were found without tool_result blocks")
    if any(tool["input_schema"]["type"] != "object" for tool in body.get("tools") or ()):
        raise Wrong("tools: input_schema")
    return Asked(
        provider="anthropic",
        model=body["model"],
        system=_text(body.get("system") or ""),
        prompt=_text(messages[0]["content"]),
        tools=tuple(tool["name"] for tool in body.get("tools") or ()),
        results=tuple(_text(result.get("content") or "") for result in results),
        stream=bool(body.get("stream")),
        number=number,
    )


def _blocks(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(b.get("text", "") for b in content)


def error(said: Said) -> dict[str, Any]:
    return {"type": "error", "error": {"type": said.error, "message": "the fake says no"}, "request_id": "req_1"}


def document(asked: Asked, said: Said) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": said.text}] if said.text else []
    content += [_call(index, name, json.loads(arguments)) for index, (name, arguments) in enumerate(said.calls)]
    return _head(asked, said) | {"content": content, "stop_reason": _stop(said)} | _usage(asked, said)


def events(asked: Asked, said: Said) -> Iterator[str]:
    sent, written = said.tokens(asked)
    usage = {} if said.no_usage else {"usage": {"input_tokens": sent, "output_tokens": 1}}
    head = _head(asked, said) | {"content": [], "stop_reason": None} | usage
    yield _event("message_start", message=head)
    yield _event("ping")
    index = 0
    if said.text:
        yield _event("content_block_start", index=index, content_block={"type": "text", "text": ""})
        for piece in parts(said.text):
            yield _event("content_block_delta", index=index, delta={"type": "text_delta", "text": piece})
        yield _event("content_block_stop", index=index)
        index += 1
    for number, (name, arguments) in enumerate(said.calls):
        yield _event("content_block_start", index=index, content_block=_call(number, name, {}))
        for start in range(0, len(arguments), 12):
            part = {"type": "input_json_delta", "partial_json": arguments[start : start + 12]}
            yield _event("content_block_delta", index=index, delta=part)
        yield _event("content_block_stop", index=index)
        index += 1
    yield from said.raw_events
    ending: dict[str, Any] = {} if said.no_usage else {"usage": {"output_tokens": written}}
    yield _event("message_delta", delta={"stop_reason": _stop(said), "stop_sequence": None}, **ending)
    yield _event("message_stop")


def _call(index: int, name: str, arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{index}_{name}", "name": name, "input": arguments}


def _stop(said: Said) -> str:
    if said.at_limit:
        return "max_tokens"
    return "refusal" if said.declined is not None else "tool_use" if said.calls else "end_turn"


def _head(asked: Asked, said: Said) -> dict[str, Any]:
    return {
        "id": f"msg_{asked.number}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "stop_sequence": None,
    }


def _usage(asked: Asked, said: Said) -> dict[str, Any]:
    if said.no_usage:
        return {}
    sent, written = said.tokens(asked)
    return {"usage": {"input_tokens": sent, "output_tokens": written}}


def _event(kind: str, **fields: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields}, ensure_ascii=False)}\n\n"
