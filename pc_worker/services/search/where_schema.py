"""The JSON schema of a request's ``where``, for OpenAPI and tools: short, since language models read it."""

from __future__ import annotations

from typing import Any

_VALUE = {"type": ["string", "number", "boolean", "null", "array"], "description": "An array only with in."}
_PARTS = {"type": "array", "minItems": 1, "items": {"type": ["object", "string"]}}
_OBJECT = {
    "type": "object",
    "additionalProperties": False,
    "description": "Either {field, op, value}, or one of and, or, not with filters.",
    "properties": {
        "field": {"type": "string", "description": "A payload field; dots reach into objects."},
        "op": {"type": "string", "enum": ["=", "!=", ">", ">=", "<", "<=", "in"]},
        "value": _VALUE,
        "and": _PARTS,
        "or": _PARTS,
        "not": {"anyOf": [_PARTS, {"type": ["object", "string"]}]},
    },
}
_TEXT = {"type": "string", "examples": ["country=KR,US", "size>=5", "author.name!=Kim"]}

WHERE_SCHEMA: dict[str, Any] = {
    "anyOf": [
        _TEXT,
        _OBJECT,
        {"type": "array", "maxItems": 64, "items": {"type": ["object", "string"]}, "description": "All must hold."},
        {"type": "null"},
    ]
}
