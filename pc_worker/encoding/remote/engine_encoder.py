"""The encoder behind an HTTP server: batches within its limits, and texts that it refuses are isolated."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from threading import Lock
from typing import cast

import numpy as np

from pc_worker.encoding.protocol import ModelIdentity, Span, Vector, Vectors
from pc_worker.encoding.remote.checked_engine import PROBE, CheckedEngine, EngineOptions
from pc_worker.encoding.remote.failures import Faulted, RequestRejected, Slow, WrongReply, translated
from pc_worker.encoding.remote.prices import usd_per_token
from pc_worker.encoding.text.normalise import normalised_text
from pc_worker.encoding.text.passages import split_passages
from pc_worker.encoding.text.token_estimate import cut_to, estimated_tokens
from pc_worker.errors import EncodingFailed, EngineRefused
from pc_worker.urls import Engine

#: OpenAI's limits of one request; other servers have lower ones, which are found by trying.
MAX_TEXTS, MAX_TOKENS = 2_048, 300_000
FIRST_TEXTS = 32
#: A batch that is answered sooner may be twice as large the next time.
QUICK_S = 2.0
OPENAI_WINDOW, OTHER_WINDOW = 8_191, 512
PASSAGE_TOKENS, OVERLAP_TOKENS = 256, 32
QUERY_TIMEOUT_S = 5.0
#: How often a text must fail again, and a plain text succeed, until the text is at fault and not the server.
CONFIRMATIONS = 3
#: The start of a part waits no longer for an engine.
START_TIMEOUT_S = 10.0


class EngineEncoder:
    """An ``Encoder`` whose vectors come from a server; nothing is requested before it is needed."""

    backend = "http"

    def __init__(self, engine: Engine, options: EngineOptions, *, identity: ModelIdentity | None = None) -> None:
        self.engine, self.options = engine, options
        self.max_tokens = options.window or (OTHER_WINDOW if engine.is_own_server else OPENAI_WINDOW)
        self.usd_per_token = usd_per_token(engine, options.prices)
        self._server = CheckedEngine(engine, options, identity=identity)
        self._most_texts = FIRST_TEXTS if engine.is_own_server else MAX_TEXTS
        self._truncated = 0
        self._counting = Lock()

    @property
    def identity(self) -> ModelIdentity:
        """The model's identity; the server is asked if it is not known yet."""
        with translated(self.label):
            return self._server.identity

    @property
    def label(self) -> str:
        """The engine in messages."""
        return self._server.label

    @property
    def texts_at_once(self) -> int:
        """The number of texts of a batch that the server answered quickly so far."""
        return self._most_texts

    @property
    def truncated_texts(self) -> int:
        """Number of distinct texts per call, summed since the start, that were cut to the window."""
        return self._truncated

    @property
    def encoded_tokens(self) -> int:
        """Number of tokens that the server counted since the start, also of replies that could not be used."""
        return self._server.tokens

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return vectors of shape (texts, dim), in order; equal texts are encoded once."""
        found = self.encode_each(texts)
        for vector in found:
            if isinstance(vector, EncodingFailed):
                raise vector
        return np.stack(cast("list[Vector]", found)) if found else np.empty((0, self.identity.dimension), np.float32)

    def encode_each(self, texts: Sequence[str]) -> list[Vector | EncodingFailed]:
        """Return per text, in order, its vector, shape (dim,), or why it has none.

        Raises:
            Unavailable: If the server is unavailable or its replies are wrong.
            EngineRefused: If a person must fix the key, the name or the address.
            ContractBroken: If the server has another model now.
        """
        normalised = [normalised_text(text) for text in texts]
        known: dict[str, Vector | EncodingFailed] = {text: _unfit(text) for text in normalised if not _is_fit(text)}
        wanted = [text for text in dict.fromkeys(normalised) if text not in known]
        with translated(self.label):
            for batch in self._batches(wanted):
                known.update(zip(batch, self._isolated([self._cut(text) for text in batch]), strict=True))
        return [known[text] for text in normalised]

    def encode_query(self, text: str) -> Vector:
        """Return the vector of a search query, shape (dim,); it is tried once, and counted but not held back.

        Raises:
            EncodingFailed: If no server could encode it.
            EngineRefused: If this one refuses it, or a person must fix the key, the name or the address.
            Unavailable: If the server is unavailable or its replies are wrong.
        """
        normalised = normalised_text(text)
        if not _is_fit(normalised):
            raise _unfit(normalised)
        query, timeout_s = [cut_to(normalised, self.max_tokens)], min(QUERY_TIMEOUT_S, self.options.timeout_s)
        self.options.limits.count(self.engine.host, tokens=estimated_tokens(query[0]))
        with translated(self.label):
            try:
                reply = self._server.ask(query, timeout_s=timeout_s)
            except RequestRejected as exc:
                if not self._server.takes_other_form():
                    raise EngineRefused(str(exc)) from None
                reply = self._server.ask(query, timeout_s=timeout_s)
        return cast("Vector", reply.vectors[0])

    def passages(self, text: str) -> list[Span]:
        """Return the whole text when it fits the window by estimate, else overlapping passages that each do."""
        if estimated_tokens(text) <= self.max_tokens:
            return [Span(0, len(text))]
        most = min(PASSAGE_TOKENS, self.max_tokens)
        return split_passages(text, count=_estimates, max_tokens=most, overlap_tokens=min(OVERLAP_TOKENS, most // 8))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the estimated number of tokens of each text."""
        return [estimated_tokens(normalised_text(text)) for text in texts]

    def _cut(self, text: str) -> str:
        short = cut_to(text, self.max_tokens)
        if short != text:
            with self._counting:
                self._truncated += 1
        return short

    def _batches(self, texts: Sequence[str]) -> Iterator[list[str]]:
        """Yield the texts in batches within the limits of one request, which may change meanwhile."""
        batch: list[str] = []
        tokens = 0
        for text in texts:
            more = min(estimated_tokens(text), self.max_tokens)
            if batch and (len(batch) >= self._most_texts or tokens + more > self.options.limits.clamped(MAX_TOKENS)):
                yield batch
                batch, tokens = [], 0
            batch.append(text)
            tokens += more
        if batch:
            yield batch

    def _isolated(self, texts: Sequence[str]) -> list[Vector | EncodingFailed]:
        """Return the vectors of a batch; if it fails and the server works, those of its halves."""
        try:
            return self._answered(texts)
        except RequestRejected as exc:
            reason = str(exc)
            if self._server.takes_other_form():
                return self._isolated(texts)
        except (WrongReply, Faulted) as exc:
            reason = str(exc) if isinstance(exc, Faulted) else f"{self.label} sends a wrong reply: {exc}"
            self._server.check_answers()
            if len(texts) == 1:
                return [self._confirmed(texts, reason)]
        except Slow:
            self._reduce(len(texts))
            raise
        if len(texts) == 1:
            return [EncodingFailed(reason)]
        middle = len(texts) // 2
        halves = [*self._isolated(texts[:middle]), *self._isolated(texts[middle:])]
        if not any(isinstance(vector, EncodingFailed) for vector in halves):
            self._reduce(len(texts))  # the size was at fault, and no text
        return halves

    def _confirmed(self, texts: Sequence[str], reason: str) -> Vector | EncodingFailed:
        """Return the vector of a text whose replies were wrong, or that it is at fault.

        It is only if a plain text is answered rightly each time and this one never: a server whose replies are wrong
        now and then must not make rows dead.
        """
        for _ in range(CONFIRMATIONS):
            self._server.ask(PROBE, timeout_s=self.options.timeout_s)
            try:
                return cast("Vector", self._server.ask_again(texts).vectors[0])
            except (WrongReply, Faulted):
                continue
        return EncodingFailed(reason)

    def _answered(self, texts: Sequence[str]) -> list[Vector | EncodingFailed]:
        began = time.monotonic()
        vectors = self._server.ask_again(texts).vectors
        if len(texts) == self._most_texts and time.monotonic() - began < QUICK_S:
            self._most_texts = min(2 * self._most_texts, MAX_TEXTS)
        return list(vectors)

    def _reduce(self, texts: int) -> None:
        self._most_texts = max(1, min(self._most_texts, texts // 2))


def identify_engine(engine: Engine, options: EngineOptions) -> ModelIdentity:
    """Ask the server for one vector, and return the identity of its model.

    Raises:
        Unavailable: If it does not answer.
        EngineRefused: If a person must fix the key, the name or the address.
    """
    quick = replace(options, timeout_s=min(options.timeout_s, START_TIMEOUT_S))
    return EngineEncoder(engine, quick).identity


def _estimates(texts: Sequence[str]) -> list[int]:
    return [estimated_tokens(text) for text in texts]


def _is_fit(text: str) -> bool:
    return bool(text) and not any("\ud800" <= sign <= "\udfff" for sign in text)


def _unfit(text: str) -> EncodingFailed:
    if not text:
        return EncodingFailed("the text is empty")
    return EncodingFailed("a text holds half a character (a lone surrogate): fix it in the source")
