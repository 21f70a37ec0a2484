"""The form of a valid message: its envelope, and the task message in it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from celery.app.task import Context
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

#: The text of a search is by far the longest content of a message.
MAX_BYTES = 4 * 1024 * 1024
DEEPEST = 4
#: Characters of an id or a name.
LONGEST_NAME = 255


class InvalidMessage(Exception):
    """The message is invalid; ``str()`` is the reason."""


def check_shallow(value: Any, depth: int = DEEPEST) -> None:
    """Check that a value is nested at most ``depth`` deep.

    Raises:
        InvalidMessage: If it is nested deeper.
    """
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else ()
    if inner and depth == 0:
        raise InvalidMessage(f"its headers or properties are nested more than {DEEPEST} deep")
    for each in inner:
        check_shallow(each, depth - 1)


def first_fault(error: ValidationError) -> str:
    """Return the first error of a model in a few words.

    >>> first_fault(ValidationError.from_exception_data("", [{"type": "missing", "loc": ("id",), "input": {}}]))
    'id: field required'
    """
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in fault["loc"])[:100]
    text = fault["msg"][:1].lower() + fault["msg"][1:]
    return f"{place}: {text}" if place else text


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be printable")
    return text


def _timestamp(text: str) -> datetime:
    """Parse a timestamp in ISO 8601; without an offset it is UTC."""
    timestamp = datetime.fromisoformat(text)
    return timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=UTC)


def _is_timestamp(text: str) -> str:
    _timestamp(text).timestamp()
    return text


Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME), AfterValidator(_printable)]
Text = Annotated[str, Field(max_length=10_000)]
Timestamp = Annotated[str, Field(max_length=64), AfterValidator(_is_timestamp)]
Seconds = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]


class MessagePart(BaseModel):
    """Base of all models here: strict for the fields it names; other fields are allowed."""

    model_config = ConfigDict(strict=True, frozen=True)


class DeliveryInfo(MessagePart):
    """Where a message was sent to."""

    exchange: str
    routing_key: str


class Properties(MessagePart):
    """The properties that kombu needs to deliver, restore and acknowledge a message."""

    delivery_tag: Name
    delivery_info: DeliveryInfo
    body_encoding: Literal["base64", "utf-8", "UTF-8"] | None = None
    correlation_id: Name | None = None
    reply_to: Text | None = None
    priority: int | None = Field(default=None, ge=0, le=255)


class Envelope(MessagePart):
    """A message as kombu writes it into a list."""

    body: str
    headers: dict[str, Any]
    properties: Properties
    content_type: Name | None = Field(default=None, alias="content-type")
    content_encoding: Name | None = Field(default=None, alias="content-encoding")


class Fields(MessagePart):
    """The fields of a task message: headers in Celery's protocol 2, part of the body in protocol 1."""

    id: Name
    task: Name
    lang: Text | None = None
    shadow: Text | None = None
    eta: Timestamp | None = None
    expires: Timestamp | None = None
    group: Name | None = None
    group_index: int | None = None
    retries: int | None = Field(default=None, ge=0, le=1_000_000)
    timelimit: Annotated[list[Seconds | None], Field(min_length=2, max_length=2)] | None = None
    root_id: Name | None = None
    parent_id: Name | None = None
    argsrepr: Text | None = None
    kwargsrepr: Text | None = None
    origin: Text | None = None
    ignore_result: bool | None = None
    replaced_task_nesting: int | None = None
    stamped_headers: list[str] | None = None
    stamps: dict[str, Any] | None = None
    redelivered: bool | None = None


class Signature(MessagePart):
    """A task that is called later."""

    task: Name


class Embed(MessagePart):
    """The tasks that follow a task."""

    callbacks: list[Signature] | None = None
    errbacks: list[Signature] | None = None
    chain: list[Signature] | None = None
    chord: Signature | None = None


class Body(MessagePart):
    """The arguments of a task's call."""

    args: list[Any]
    kwargs: dict[str, Any]
    embed: Embed | None = None


def read_fields(headers: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a task message and its sender's own plain headers, without Celery's internal ones.

    Raises:
        InvalidMessage: If a field is missing or wrong.
    """
    try:
        Fields.model_validate(headers)
    except ValidationError as exc:
        raise InvalidMessage(f"its headers are wrong: {first_fault(exc)}") from exc
    known = {name: value for name, value in headers.items() if name in Fields.model_fields and value is not None}
    own = {name: value for name, value in headers.items() if _is_own(name, value)}
    return own | known


def _is_own(name: str, value: Any) -> bool:
    return name not in Fields.model_fields and not hasattr(Context, name) and isinstance(value, str | int | float)


def read_body(payload: Any) -> None:
    """Check that a body is ``[args, kwargs, embed]``.

    Raises:
        InvalidMessage: If it is anything else.
    """
    if not isinstance(payload, list | tuple) or len(payload) != 3:
        raise InvalidMessage("its body is not [args, kwargs, embed]")
    try:
        Body.model_validate(dict(zip(("args", "kwargs", "embed"), payload, strict=True)))
    except ValidationError as exc:
        raise InvalidMessage(f"its body is wrong: {first_fault(exc)}") from exc


def due_at(fields: dict[str, Any]) -> float | None:
    """Return when a task may begin, in Unix time; None = at once."""
    return None if fields.get("eta") is None else _timestamp(fields["eta"]).timestamp()


def from_protocol_1(payload: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """Return the headers and the body in Celery's protocol 2 of a message in protocol 1."""
    headers = {name: value for name, value in payload.items() if name in Fields.model_fields}
    embed = {name: payload.get(name) for name in ("callbacks", "errbacks", "chord")}
    return headers, [payload.get("args") or [], payload.get("kwargs") or {}, embed | {"chain": None}]
