"""A call of a task: its arguments, validated with the task's model, and one sentence for the first error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pc_worker.errors import InvalidRequest
from pc_worker.services.request_model import RequestModel


class NoArguments(RequestModel):
    """For tasks without arguments."""


AnyArguments = TypeVar("AnyArguments", bound=RequestModel)


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
    except InvalidRequest as exc:
        raise InvalidRequest(f"{task}: {exc}") from exc


def named_arguments(model: type[RequestModel], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments by name, not validated; positional ones beyond the known names are left out."""
    return dict(zip(argument_names(model), args, strict=False)) | dict(kwargs)


def _by_name(task: str, model: type[RequestModel], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    names = argument_names(model)
    if len(args) > len(names):
        raise InvalidRequest(f"{task}: it takes {len(names)} arguments at most, not {len(args)}")
    if twice := set(names[: len(args)]) & kwargs.keys():
        raise InvalidRequest(f"{task}: {min(twice)} is given twice")
    return named_arguments(model, args, kwargs)


def argument_names(model: type[RequestModel]) -> Sequence[str]:
    """Return the names of a model's arguments in the order of a call without names."""
    positions: Sequence[str] = getattr(model, "positions", ())
    return positions or list(model.model_fields)
