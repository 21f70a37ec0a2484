"""A filter as JSON: one text for equal filters, which every face reads as `where`."""

from __future__ import annotations

import json
from typing import Any

from pc_worker.model.filter import AllOf, AnyOf, Condition, Filter, Not


def filter_json(tree: Filter | None) -> str | None:
    """Return the filter's JSON text; None without a filter.

    >>> filter_json(AllOf((Condition("a", "=", ("1", "2")), Not(Condition("b", ">", ("3",))))))
    '{"and":[{"field":"a","op":"in","value":["1","2"]},{"not":{"field":"b","op":">","value":"3"}}]}'
    """
    return None if tree is None else json.dumps(_document(tree), ensure_ascii=False, separators=(",", ":"))


def _document(tree: Filter) -> dict[str, Any]:
    match tree:
        case Not():
            return {"not": _document(tree.part)}
        case AllOf():
            return {"and": [_document(part) for part in tree.parts]}
        case AnyOf():
            return {"or": [_document(part) for part in tree.parts]}
    return _comparison(tree)


def _comparison(condition: Condition) -> dict[str, Any]:
    if len(condition.values) == 1:
        return {"field": condition.field, "op": condition.operator, "value": condition.values[0]}
    several = {"field": condition.field, "op": "in", "value": list(condition.values)}
    return {"not": several} if condition.operator == "!=" else several
