"""A model for the benchmark: speaks OpenAI's stream of chat completions and copies from the first passage, at once."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from typing import Any

import uvicorn

#: The start of the first passage of a prompt, at most eight words.
FIRST_PASSAGE = re.compile(r"<passage-\w+>\n\[(\d+)\] ((?:\S+ ?){1,8})")
Send = Callable[[dict[str, Any]], Awaitable[None]]


def run_stand_in(pipe: Connection) -> None:
    """Serve until the process is ended; send the address first."""
    asyncio.run(_serve(pipe))


async def _serve(pipe: Connection) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(_app, log_config=None, lifespan="off", interface="asgi3")
    pipe.send(f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
    await uvicorn.Server(config).serve(sockets=[listener])


async def _app(scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Send) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    prompt = json.loads(body)["messages"][-1]["content"]
    found = FIRST_PASSAGE.search(prompt if isinstance(prompt, str) else "".join(part["text"] for part in prompt))
    text = "NO_ANSWER" if found is None else f"{found[2].strip()} [{found[1]}]."
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    parts = [{"role": "assistant", "content": ""}, *({"content": f"{word} "} for word in text.split(" ")), {}]
    for place, delta in enumerate(parts):
        finish = "stop" if place == len(parts) - 1 else None
        await send({"type": "http.response.body", "body": _chunk(delta, finish), "more_body": True})
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


def _chunk(delta: dict[str, Any], finish: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    usage = {"prompt_tokens": 1_000, "completion_tokens": 20, "total_tokens": 1_020} if finish else None
    document = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "bench", "choices": [choice]}
    return f"data: {json.dumps(document | {'usage': usage})}\n\n".encode()
