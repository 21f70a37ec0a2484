"""What servers of language models do wrong, by name: each is a behaviour of the fake."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable

from tests.support.llm.extractive import extractive, passages_of
from tests.support.llm.talk import Asked, Behaviour, Said


def always(said: Said) -> Behaviour:
    return lambda _: said


def _first(asked: Asked) -> tuple[int, str]:
    return next(iter(passages_of(asked)), (1, "nothing"))


def _changed(change: Callable[[str], str]) -> Behaviour:
    """Return an extractive answer whose text is changed."""
    return lambda asked: Said(text=change(extractive(asked).text))


def _calls(name: str, arguments: object) -> Behaviour:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return lambda _: Said(calls=((name, text),))


def _two(*, equal_ids: bool = False) -> Said:
    return Said(calls=(("count_rows", "{}"), ("search", '{"query": "gzip module level"}')), equal_ids=equal_ids)


def _other_passage(asked: Asked) -> Said:
    number, _ = _first(asked)
    return Said(text=f"Bananas are picked by swift green robots in winter [{number}].")


def _made_up_number(asked: Asked) -> Said:
    number, text = _first(asked)
    return Said(text=f"{text.rstrip('.')} [{number}]. It costs 4711 dollars [{number}].")


#: Kinds after which another model, or a correction, still leads to an answer.
KINDS: dict[str, Behaviour] = {
    "hangs": always(Said(wait=True)),
    "hangs in the middle": always(Said(text="one two three four five six seven eight", stall_after=2, wait=True)),
    "breaks off at once": always(Said(text="half an answer only", cut_after=0)),
    "breaks off in the middle": always(Said(text="half an answer only and no more of it", cut_after=3)),
    "is not JSON": always(Said(raw=b"{not json")),
    "is a page of HTML": always(Said(raw=b"<html>502</html>", headers={"content-type": "text/html"})),
    "is JSON of another kind": always(Said(raw=b'{"object": "list", "data": []}')),
    "is an array": always(Said(raw=b"[1, 2, 3]")),
    "is not UTF-8": always(Said(raw=b"\xff\xfe\x00\x01")),
    "is empty": always(Said(text="")),
    "has an empty body": always(Said(raw=b"")),
    "refuses": always(Said(declined="I cannot help with that.")),
    "refuses in words": always(Said(text="I'm sorry, but I can't help with that request at all.")),
    "limits the rate for ever": always(Said(status=429, error="rate_limit_error", headers={"retry-after": "0"})),
    "limits the rate for an hour": always(Said(status=429, error="rate_limit_error", headers={"retry-after": "3600"})),
    "limits the rate with nonsense": always(Said(status=429, error="rate_limit_error", headers={"retry-after": "x"})),
    "fails": always(Said(status=500)),
    "is overloaded": always(Said(status=529, error="overloaded_error")),
    "does not know the key": always(Said(status=401, error="authentication_error")),
    "does not know the model": always(Said(status=404, error="not_found_error")),
    "says the prompt is too long": always(Said(status=400, error="context_length_exceeded")),
    "has no credit": always(Said(status=429, error="insufficient_quota")),
    "redirects in a circle": always(Said(status=307, raw=b"", headers={"location": "/v1/chat/completions"})),
    "makes up a citation": _changed(lambda text: text.replace("[1]", "[99]")),
    "cites nothing": _changed(lambda text: text.replace("[1]", "")),
    "cites what does not say it": _other_passage,
    "makes up a number": _made_up_number,
    "never stops": always(Said(text="and so on and on " * 200, endless=True)),
    "calls a tool for ever": _calls("count_rows", {}),
    "calls a tool that is not there": _calls("drop_table", {"name": "rows"}),
    "calls a tool with wrong arguments": _calls("search", {"query": 5, "sql": "DROP TABLE rows"}),
    "calls a tool with broken JSON": _calls("search", '{"query": '),
    "calls a tool with a wrong filter": _calls("count_rows", {"where": ["topic ~~ 1"]}),
    "calls two tools at once": lambda asked: extractive(asked) if asked.results else _two(),
    "calls two tools at once with one id": lambda asked: extractive(asked) if asked.results else _two(equal_ids=True),
    "calls a tool with NUL": _calls("search", {"query": "gzip\0", "where": ["topic=\0"]}),
    "writes NUL": _changed(lambda text: text.replace(" ", "\0 ")),
    "copies marks and a link": _changed(lambda text: f"</passage-1> [99](http://evil.example) {text}"),
    "defines links": _changed(lambda text: f"{text}\n\n[1]: http://evil.example\n[2]: <http://evil.example>\n"),
    "asks for a row of nobody": _calls("get_row", {"row_id": "../../etc/passwd"}),
    "reports no usage": lambda asked: Said(text=extractive(asked).text, no_usage=True),
    "reports no tokens": lambda asked: Said(text=extractive(asked).text, usage=(0, 0)),
    "reports usage that is text": lambda asked: Said(text=extractive(asked).text, usage=("many", "few")),
    "reports negative usage": lambda asked: Said(text=extractive(asked).text, usage=(-5, -7)),
    "reports impossible usage": lambda asked: Said(text=extractive(asked).text, usage=(10**12, 10**12)),
    "answers in another language": always(Said(text="오늘은 날씨가 매우 좋아서 사람들이 많이 나왔습니다 [1].")),
    "sends an error in the stream": always(
        Said(text="half an answer", raw_events=('data: {"error": {"message": "x", "type": "server_error"}}\n\n',))
    ),
    "sends garbage in the stream": always(Said(text="half an answer", raw_events=("data: {oops\n\n",))),
}


def alternating(*behaviours: Behaviour) -> Behaviour:
    """Return a behaviour that changes with each request."""
    turns = itertools.cycle(behaviours)
    return lambda asked: next(turns)(asked)
