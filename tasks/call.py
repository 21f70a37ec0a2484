"""A call of a task: its arguments, validated with the task's model, and one sentence for the first error."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from pc_worker.errors import InvalidRequest

_shown = reprlib.Repr()
_shown.maxstring = _shown.maxother = 80
_shown.maxlong = 40


class Arguments(BaseModel):
    """The arguments of one task; each field's description completes "must be …"."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class NoArguments(Arguments):
    """For tasks without arguments."""


AnyArguments = TypeVar("AnyArguments", bound=BaseModel)


def read_arguments(
    task: str, model: type[AnyArguments], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> AnyArguments:
    """Return a call's arguments, validated.

    Raises:
        InvalidRequest: If an argument is wrong; names the first one.
    """
    given = _by_name(task, model, args, kwargs)
    try:
        return model.model_validate(given)
    except InvalidRequest as exc:  # a model of a service has its own sentences
        raise InvalidRequest(f"{task}: {exc}") from exc
    except ValidationError as exc:
        fault = exc.errors(include_url=False, include_context=False, include_input=False)[0]
        raise InvalidRequest(f"{task}: {_sentence(model, str(fault['loc'][0]), fault['type'], given)}") from exc


def named_arguments(model: type[BaseModel], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments by name, not validated; positional ones beyond the known names are left out."""
    return dict(zip(model.model_fields, args, strict=False)) | dict(kwargs)


def _by_name(task: str, model: type[BaseModel], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    names = list(model.model_fields)
    if len(args) > len(names):
        raise InvalidRequest(f"{task}: it takes {len(names)} arguments at most, not {len(args)}")
    if twice := set(names[: len(args)]) & kwargs.keys():
        raise InvalidRequest(f"{task}: {min(twice)} is given twice")
    return named_arguments(model, args, kwargs)


def _sentence(model: type[BaseModel], name: str, fault: str, given: Mapping[str, Any]) -> str:
    if fault == "missing":
        return f"{name} is missing"
    if name not in model.model_fields:
        known = ", ".join(model.model_fields) or "none"
        return f"there is no argument {_shown.repr(name)}; it takes {known}"
    return f"{name} must be {model.model_fields[name].description}, not {_shown.repr(given[name])}"
