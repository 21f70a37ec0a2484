"""Dicts and sets being put together."""

from __future__ import annotations

from pc_worker.reader.errors import broken, over_limit, unsafe
from pc_worker.reader.pickle.walk.containers import absorb, check_open, since_mark
from pc_worker.reader.pickle.walk.nodes import (
    OFFSET,
    Bag,
    DictNode,
    Entry,
    Node,
)
from pc_worker.reader.pickle.walk.realise import key_of
from pc_worker.reader.pickle.walk.walker import Walker


def empty_dict(w: Walker, pos: int) -> int:
    """Handle EMPTY_DICT."""
    node = DictNode(w.here(pos), w.referred)
    node.finish = w.base + pos + 1
    w.push(node)
    return pos + 1


def empty_set(w: Walker, pos: int) -> int:
    """Handle EMPTY_SET."""
    node = Bag(w.here(pos), w.referred)
    node.finish = w.base + pos + 1
    w.push(node)
    return pos + 1


def dict_from_mark(w: Walker, pos: int) -> int:
    """Handle DICT."""
    entries, address, referred = since_mark(w)
    node = DictNode(address, referred)
    w.push(node)
    _fill(w, node, entries)
    return pos + 1


def setitem(w: Walker, pos: int) -> int:
    """Handle SETITEM."""
    value, key = w.pop(), w.pop()
    _fill(w, _open_dict(w), [key, value])
    return pos + 1


def setitems(w: Walker, pos: int) -> int:
    """Handle SETITEMS."""
    entries, _, _ = since_mark(w)
    _fill(w, _open_dict(w), entries)
    return pos + 1


def _open_dict(w: Walker) -> DictNode:
    top = w.top()
    if not isinstance(top, DictNode):
        raise unsafe("keys are set on something else than a new dict")
    return top


def _fill(w: Walker, node: DictNode, entries: list[Entry]) -> None:
    check_open(node)
    if len(entries) % 2:
        raise broken("a dict has a key without a value")
    keys = [key_of(w, key) for key in entries[::2]]
    odd = sum(isinstance(entry, Node) or type(key) is not str for entry, key in zip(entries[::2], keys, strict=True))
    if odd > w.limits.plain_keys or (odd and len(node.entries) > 2 * w.limits.plain_keys):
        raise over_limit(f"a dict has more than {w.limits.plain_keys} keys that are not text")
    plain, depth = absorb(w, entries)
    node.plain, node.depth = node.plain and plain, max(node.depth, depth)
    node.entries += entries
    node.keys += keys
    node.weight = w.base + w.acting - (node.address & OFFSET) + w.referred - node.referred
    node.finish = w.base + w.acting + 1


def additems(w: Walker, pos: int) -> int:
    """Handle ADDITEMS."""
    entries, _, _ = since_mark(w)
    top = w.top()
    if not isinstance(top, Bag) or top.frozen:
        raise unsafe("items are added to something else than a new set")
    _add_to_set(w, top, entries)
    return pos + 1


def frozenset_from_mark(w: Walker, pos: int) -> int:
    """Handle FROZENSET."""
    entries, address, referred = since_mark(w)
    node = Bag(address, referred)
    w.push(node)
    _add_to_set(w, node, entries)
    node.frozen = True
    return pos + 1


def _add_to_set(w: Walker, node: Bag, entries: list[Entry]) -> None:
    check_open(node)
    odd = sum(not isinstance(key_of(w, entry), str) for entry in entries)
    node.count += len(entries)
    if odd and node.count > w.limits.plain_keys:
        raise over_limit(f"a set has more than {w.limits.plain_keys} items that are not text")
    plain, depth = absorb(w, entries)
    node.plain, node.depth = node.plain and plain, max(node.depth, depth)
    node.weight = w.base + w.acting - (node.address & OFFSET) + w.referred - node.referred
    node.finish = w.base + w.acting + 1
