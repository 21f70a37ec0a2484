"""Encode texts with the models of the domains, so that clients' vectors are comparable with the stored ones."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pc_worker.errors import ContractBroken, InvalidRequest, ModelNotFound
from pc_worker.model import Model
from pc_worker.services.dependencies import Services
from pc_worker.store.models import registry

if TYPE_CHECKING:  # only types: numpy is loaded with the encoder
    from pc_worker.encoding import Vectors

#: Texts of one request, as OpenAI's API allows.
MAX_TEXTS = 2_048
#: Characters of one text; models read only some hundred words of it.
MAX_TEXT_CHARS = 100_000
#: What is encoded at once: a second or less of work, then others get their turn.
SLICE_TEXTS, SLICE_CHARS = 32, 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """A model that encodes texts; ``domains`` are those whose vectors are its."""

    id: str
    model: Model
    domains: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedTexts:
    """Vectors of shape (texts, dimension), in order, and the number of tokens that the model read."""

    vectors: Vectors
    tokens: int


def served_models(services: Services, domains: Collection[str] | None = None) -> list[ServedModel]:
    """Return the active models that can encode texts: of all domains, or of some, by id.

    A model's id is its name; of two revisions of one name, each also has its revision in its id.
    """
    with services.database.transaction() as cursor:
        registered = registry.list_models(cursor)
    active = [(model, of) for model, of in registered if model.encodable and of]
    names = [model.name for model, _ in active]
    served = [
        ServedModel(id=model.name if names.count(model.name) == 1 else model.label, model=model, domains=tuple(of))
        for model, of in active
    ]
    visible = [one for one in served if domains is None or not set(domains).isdisjoint(one.domains)]
    return sorted(visible, key=lambda one: one.id)


def find_served_model(services: Services, model_id: str, domains: Collection[str] | None = None) -> ServedModel:
    """Return the model of an id; name and revision together are accepted, too.

    Raises:
        ModelNotFound: If there is none, or only for other domains.
    """
    found = served_models(services, domains)
    for served in found:
        if model_id in (served.id, served.model.label):
            return served
    known = ", ".join(served.id for served in found) or "none"
    raise ModelNotFound(f"there is no model {model_id[:80]!r} that encodes texts; there are: {known}")


def check_request_limits(texts: Sequence[str]) -> None:
    """Check the limits of a request.

    Raises:
        InvalidRequest: If it has no text, too many, or an empty or a very long one.
    """
    if not 1 <= len(texts) <= MAX_TEXTS:
        raise InvalidRequest(f"there are {len(texts):,} texts: there must be 1 to {MAX_TEXTS:,}")
    for number, text in enumerate(texts):
        if not text:
            raise InvalidRequest(f"text {number} is empty: leave it out")
        if len(text) > MAX_TEXT_CHARS:
            raise InvalidRequest(f"text {number} has {len(text):,} characters: it may have {MAX_TEXT_CHARS:,}")


def slices(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the texts in runs of bounded size: each is encoded by itself, so that a long request delays no others."""
    start = chars = 0
    for end, text in enumerate(texts):
        if end > start and (end - start == SLICE_TEXTS or chars + len(text) > SLICE_CHARS):
            yield texts[start:end]
            start, chars = end, 0
        chars += len(text)
    yield texts[start:]


def encode_texts(services: Services, model: Model, texts: Sequence[str], *, as_queries: bool = False) -> EncodedTexts:
    """Encode texts as the domain's rows are encoded, or as its queries.

    A text longer than the model's window is cut, as in rows that are not split into passages.

    Raises:
        EncodingFailed: If a text cannot be encoded.
        ModelUnavailable: If the model is not installed here.
        ContractBroken: If the model here is not the registered one.
    """
    encoder = services.encoder(model)
    identity = encoder.identity
    if (identity.revision, identity.dimension) != (model.revision, model.dimension):
        raise ContractBroken(f"the model here is not {model.label}: install the same model on every machine")
    if as_queries:
        import numpy as np

        vectors = np.stack([encoder.encode_query(text) for text in texts])
    else:
        vectors = encoder.encode(texts)
    tokens = sum(min(count, encoder.max_tokens) for count in encoder.count_tokens(texts))
    return EncodedTexts(vectors=vectors, tokens=tokens)
