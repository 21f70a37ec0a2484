"""Inputs for the gateway, from one seed: valid messages, mutated ones, random bytes, sequences, invalid metadata."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from pc_worker.wire.generated import embedding_stream_pb2 as pb

SERVICE = "/com.alpha.backend.grpc.EmbeddingStreamService"
#: Method → its request.
METHODS: dict[str, Any] = {
    f"{SERVICE}/StreamEmbedding": pb.StreamEmbeddingRequest,
    f"{SERVICE}/Consume": pb.ConsumeRequest,
    f"{SERVICE}/Search": pb.SearchRequest,
    "/grpc.health.v1.Health/Check": health_pb2.HealthCheckRequest,
    "/grpc.health.v1.Health/Watch": health_pb2.HealthCheckRequest,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": reflection_pb2.ServerReflectionRequest,
}
WEIGHTS = (30, 35, 25, 3, 2, 5)
DOMAINS = ("document", "recruit", "candidate", "skill_dic", "Document", "law")
ODD_TEXTS = (
    "", " ", "\0", "document\0", "document\n", "s\n", "\r\n", "\t", "\x1b[31m", "\u202e", "\ufeff", "\uffff",
    "\U0010ffff", "e\u0301\u0301\u0301", "🏳️‍🌈", "한국어", "%s", "%(a)s", "{}", "{0}", "${x}", "'", "\"", "\\", "';--",
    "$1", "a/b", "../x", "null", "NaN", "-1", "1e999", "٣", "00000000-0000-0000-0000-000000000000", "{}" * 50,
    "x" * 5_000, "🦊" * 3_000, "a " * 20_000,
)  # fmt: skip
FILTERS = (
    "name=a", "size>=5", "size<=5", "size>5", "size!=5", "size<5", "when>=2024-01-01", "when<=9999-12-31",
    "when>=0001-01-01T00:00:00+14:00", "a.b=c", "tags=x", "=", "a=", "=b", "a", ">=", "a>=", "a>=x", "a<=1e9", "a==b",
    "a>=" + "9" * 300, "a>=-" + "9" * 200 + "." + "9" * 200, "a=" + "x" * 5_000, "a" * 5_000 + "=b", "name=a,b,c",
    "n>=٣",
)  # fmt: skip
NUMBERS = (0, 0, 1, 2, 3, 7, 10, 60, 100, 300, 1000, 1001, -1, 65_535, 65_536, 4_194_304, 2**31 - 1, -(2**31))
LONG_NUMBERS = (*NUMBERS, 2**53, 2**53 + 1, 2**62, 2**63 - 1, -(2**63))
#: Messages inside messages: a filter holds filters.
DEEPEST = 4
GOOD_NUMBERS = (0, 0, 1, 2, 10, 60, 100)
MODES = ("", "hybrid", "vector", "text", "TEXT", "x")
SMALL = (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_SINT32)


@dataclass(frozen=True, slots=True)
class Input:
    """One call: its messages, its method, and whether the client half-closes it."""

    method: str
    messages: tuple[bytes, ...]
    metadata: tuple[tuple[str, str | bytes], ...]
    half_closes: bool


class Inputs:
    """Makes inputs; ``row_ids`` are some that exist, ``token`` opens everything."""

    def __init__(self, seed: int, *, row_ids: Sequence[str], token: str) -> None:
        self._chance = random.Random(seed)
        self._row_ids, self._token = row_ids, token
        self._odd = True
        self._depth = 0

    def next(self) -> Input:
        """Make one more."""
        chance = self._chance
        self._odd = chance.random() < 0.5  # the others come further, and are spoiled there
        (method,) = chance.choices(tuple(METHODS), WEIGHTS)
        messages = self._sequence(METHODS[method], streams=method.endswith(("Consume", "Info")))
        return Input(method, messages, self._metadata(), chance.random() < 0.8)

    def _sequence(self, kind: Any, *, streams: bool) -> tuple[bytes, ...]:
        chance = self._chance
        number = chance.choice((0, 1, 1, 2, 3, 6)) if streams else chance.choice((1,) * 18 + (0, 2))
        messages = [self._raw(kind) for _ in range(number)]
        if messages and kind is pb.ConsumeRequest and chance.random() < 0.7:
            messages[0] = pb.ConsumeRequest(open=self._opening()).SerializeToString()
        if messages and chance.random() < 0.05:
            messages += messages[:1] * chance.choice((1, 5))
        return tuple(messages)

    def _opening(self) -> Any:
        if not self._odd:
            return pb.ConsumeOpen(
                domain="document",
                subscription=f"s{self._chance.randrange(20)}",
                after_position=self._chance.choice((0, 1, 150, 200)),
                credit=pb.ConsumeCredit(chunks=self._chance.choice((0, 1, 100)), bytes=10_000_000),
                chunk_rows=self._chance.choice(GOOD_NUMBERS),
                refuse_if_held=self._chance.random() < 0.3,
            )
        opening = self._message(pb.ConsumeOpen)
        if self._chance.random() < 0.8:
            opening.domain, opening.subscription = self._chance.choice(DOMAINS[:4]), f"s{self._chance.randrange(20)}"
        return opening

    def _raw(self, kind: Any) -> bytes:
        chance = self._chance
        way = chance.random()
        if way < 0.05:
            return chance.randbytes(chance.choice((0, 1, 3, 20, 300)))
        raw = bytes(self._message(kind).SerializeToString())
        return raw if way < 0.65 or not self._odd else self._mutated(raw)

    def _mutated(self, raw: bytes) -> bytes:
        chance, data = self._chance, bytearray(raw)
        for _ in range(chance.choice((1, 1, 2, 5))):
            at = chance.randrange(len(data) + 1)
            match chance.randrange(6):
                case 0 if data:
                    data[at % len(data)] ^= 1 << chance.randrange(8)
                case 1:
                    del data[at:]
                case 2:
                    data[at:at] = chance.randbytes(chance.choice((1, 2, 9)))
                case 3:
                    data += data[: at // 2]
                case 4:  # an unknown field of each wire type
                    data += bytes([0xF8 | chance.choice((0, 1, 2, 5)) & 7, 0x07]) + chance.randbytes(9)
                case _:  # what is no UTF-8
                    data[at:at] = b"\x0a\x02\xed\xa0"
        return bytes(data)

    def _message(self, kind: Any) -> Any:
        message = kind()
        if kind is pb.SearchRequest and self._chance.random() < 0.5:
            return pb.SearchRequest(
                domain="document",
                query=self._text("query"),
                k=self._chance.choice(GOOD_NUMBERS),
                mode=self._text("mode"),
                where=[self._text("where") for _ in range(self._chance.choice((0, 1, 3, 64)))],
            )
        for field in message.DESCRIPTOR.fields:
            if self._chance.random() < 0.6:
                self._fill(message, field)
        return message

    def _fill(self, message: Any, field: FieldDescriptor) -> None:
        many = field.is_repeated
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            kind = message_factory.GetMessageClass(field.message_type)  # type: ignore[arg-type]  # a field of messages has one
            if self._depth < DEEPEST:
                self._depth += 1
                made = [self._message(kind) for _ in range(self._chance.choice((0, 1, 2)) if many else 1)]
                self._depth -= 1
                into = getattr(message, field.name)
                into.extend(made) if many else into.CopyFrom(made[0])
        elif many:
            number = self._chance.choice((0, 1, 1, 2, 64, 65, 500) if self._odd else (0, 1))
            getattr(message, field.name).extend(self._value(field) for _ in range(number))
        else:
            setattr(message, field.name, self._value(field))

    def _value(self, field: FieldDescriptor) -> Any:
        chance = self._chance
        match field.type:
            case FieldDescriptor.TYPE_STRING:
                return self._text(field.name)
            case FieldDescriptor.TYPE_BYTES:
                return chance.randbytes(10)
            case FieldDescriptor.TYPE_BOOL:
                return chance.random() < 0.5
            case FieldDescriptor.TYPE_INT32 | FieldDescriptor.TYPE_SINT32:
                return chance.choice(NUMBERS if self._odd else GOOD_NUMBERS)
            case _:
                return chance.choice(LONG_NUMBERS if self._odd else GOOD_NUMBERS)

    def _text(self, name: str) -> str:
        chance = self._chance
        if chance.random() < (0.15 if self._odd else 0.02):
            return chance.choice(ODD_TEXTS)
        pools: dict[str, Sequence[str]] = {
            "domain": DOMAINS if self._odd else DOMAINS[:1],
            "where": FILTERS if self._odd else FILTERS[:3],
            "mode": MODES if self._odd else MODES[:4],
            "like": ("", "", "", *self._row_ids),
            "last_processed_uuid": ("", *self._row_ids),
            "after_uuid": self._row_ids,
            "subscription": ("s1", "s2"),
            "query": ("coffee", "green tea", "the", "북경"),
            "service": ("", SERVICE[1:], "grpc.health.v1.Health"),
            "file_by_filename": ("embedding_stream.proto", "google/protobuf/descriptor.proto"),
            "file_containing_symbol": (SERVICE[1:], "google.protobuf.FileOptions"),
            "containing_type": ("google.protobuf.FileOptions", SERVICE[1:]),
        }
        return chance.choice(pools.get(name, ODD_TEXTS))

    def _metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        chance = self._chance
        good = ("authorization", f"Bearer {self._token}")
        if chance.random() < 0.93:
            return (good,)
        return chance.choice(
            [
                (),
                (("authorization", "Bearer "),),
                (("authorization", "Basic x"),),
                (("authorization", "Bearer " + "x" * 5_000),),
                (good, good),
                (("authorization", "Bearer wrong"), good),
                (good, ("x-odd-bin", chance.randbytes(100))),
                (good, *((f"x-{number}", "y" * 100) for number in range(50))),
                (("authorization-bin", b"\xff\xfe"),),
            ]
        )
