"""The base of every request: strict fields, and one sentence for the first error, the same whichever face is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails

from pc_worker.errors import InvalidRequest
from pc_worker.store.db.connection import is_storable

#: Characters of a value in a sentence.
SHOWN_CHARS = 80
MAX_DOMAIN_CHARS = 200


def _storable(text: str) -> str:
    if not is_storable(text):
        raise ValueError("holds NUL or half of a surrogate pair")
    return text


def _short(domain: str) -> str:
    if len(domain) > MAX_DOMAIN_CHARS or not is_storable(domain):
        raise InvalidRequest(f"there is no domain {domain[:SHOWN_CHARS]!r}")
    return domain


#: Text that can be stored and sent: without NUL and unpaired surrogates.
StorableText = Annotated[str, AfterValidator(_storable)]
#: What may be the name of a domain; whether there is one is found out later.
DomainName = Annotated[str, AfterValidator(_short)]


class RequestModel(BaseModel):
    """A strict part of a request; a value that is wrong is an ``InvalidRequest`` of one sentence.

    A field that is null is as if it were not there. Each field's description completes "must be …".
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    #: Before the names of fields in sentences.
    inside: ClassVar[str] = ""

    @model_validator(mode="wrap")
    @classmethod
    def _one_sentence(cls, values: Any, handler: Any) -> Any:
        given = {name: value for name, value in values.items() if value is not None} if _is_object(values) else values
        try:
            return handler(given)
        except ValidationError as exc:
            raise InvalidRequest(_sentence(cls, exc.errors(include_url=False)[0], given)) from exc


def shown(value: object) -> str:
    """Return a value for a sentence: its beginning, if it is long."""
    text = repr(value)
    return text if len(text) <= SHOWN_CHARS else f"{text[: SHOWN_CHARS - 1]}…"


def _is_object(values: object) -> bool:
    return isinstance(values, Mapping)


def _sentence(model: type[RequestModel], fault: ErrorDetails, given: Any) -> str:
    names = ", ".join(model.model_fields)
    if not fault["loc"]:
        return f"{model.inside or 'the request'} must be an object with {names}"
    name = str(fault["loc"][0])
    label = f"{model.inside}.{name[:SHOWN_CHARS]}" if model.inside else name[:SHOWN_CHARS]
    if fault["type"] == "missing":
        return f"{label} is missing"
    if name not in model.model_fields:
        return f"there is no field {label!r}; there are {names or 'none'}"
    return f"{label} must be {model.model_fields[name].description}, not {shown(given[name])}"
