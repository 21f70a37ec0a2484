"""Encoders from settings: local models and engines over HTTP, of domains' texts and of queries alone."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from pc_worker.errors import (
    ContractBroken,
    InvalidRequest,
    ModelUnavailable,
    NoQueryModel,
    NotServable,
    PcWorkerError,
    Unavailable,
)
from pc_worker.logs import get_logger
from pc_worker.model import Model, read_model_name
from pc_worker.settings import Settings
from pc_worker.settings.secret_files import provider_key
from pc_worker.urls import Engine, WrongUrl

if TYPE_CHECKING:
    import redis
    from limits.storage import Storage

    from pc_worker.encoding import Encoder, ModelIdentity
    from pc_worker.encoding.remote import EngineOptions

#: Engines have no weights; a local model has some hundred megabytes.
MAX_ENGINES, MAX_LOCAL = 32, 2
LIMIT_KEYS = "pcw:engines"


class Encoders:
    """The encoders of one process, each loaded once; called with a registered model, it returns its encoder."""

    def __init__(self, settings: Settings, *, redis_client: Callable[[], redis.Redis] | None = None) -> None:
        self._settings, self._redis_client = settings, redis_client
        self._query_models = dict(settings.query_models)
        self._loaded = functools.lru_cache(maxsize=MAX_LOCAL)(self._load_local)
        self._loading: dict[str, threading.Lock] = {}
        self._engine = functools.lru_cache(maxsize=MAX_ENGINES)(self._load_engine)
        self._options: EngineOptions | None = None

    def __call__(self, model: Model) -> Encoder:
        """Return the encoder of a registered model; for vectors from a source, that of the domain's queries.

        Raises:
            NoQueryModel: If the vectors come from a source, and no model for its queries is configured.
            ContractBroken: If the local model is not the registered one.
            ModelUnavailable: If it is not installed, or the engine's key, name or address must be fixed.
        """
        if not model.encodable:
            return self._of_queries(model)
        engine = _engine_of(model.location)
        if engine is not None:
            return self._engine(engine, model)
        return self._registered(model)

    def identify(self, name: str) -> ModelIdentity:
        """Return the identity of a model by its name; an engine is asked for one vector.

        Raises:
            ModelUnavailable: If it is not installed or not usable.
            Unavailable: If an engine does not answer.
        """
        from pc_worker.encoding import identify_model
        from pc_worker.encoding.remote import identify_engine

        engine = _engine_of(name)
        if engine is not None:
            return identify_engine(self._allowed(engine), self.options)
        return identify_model(name, backend=self._settings.encoder, cache=self._settings.models)

    @property
    def options(self) -> EngineOptions:
        """What all engines share; the key is read from its variable or file once."""
        from pc_worker.encoding.remote import EngineLimits, EngineOptions

        if self._options is None:
            settings = self._settings
            own_key = settings.embeddings_api_key
            self._options = EngineOptions(
                key=own_key.get_secret_value() if own_key else provider_key("OPENAI_API_KEY"),
                timeout_s=settings.embeddings_timeout_s,
                window=settings.embeddings_window,
                limits=EngineLimits(
                    rpm=settings.embeddings_rpm,
                    tpm=settings.embeddings_tpm,
                    shared=None if self._redis_client is None else self._shared_limits,
                    processes=settings.worker_processes,
                ),
                prices={price.model: price.input_usd for price in settings.llm_prices},
            )
        return self._options

    def _of_queries(self, model: Model) -> Encoder:
        name = self._query_models.get(model.source_domain)
        if name is None:
            raise NoQueryModel(
                f"the vectors of domain {model.source_domain} come from its source and their model is not here: search "
                "it with mode text or for the like of a row, or name the model in PC_WORKER_QUERY_MODELS"
            )
        engine = _engine_of(name)
        encoder = self._local(name, self.identify(name).revision) if engine is None else self._engine(engine, None)
        _check_dimension(model.source_domain, name, encoder.identity.dimension, model.dimension)
        return encoder

    def _registered(self, model: Model) -> Encoder:
        """Return a local model from the first of its locations at which it is on this machine."""
        faults: list[PcWorkerError] = []
        # First those that can be here: to look for the name of a folder in caches takes longer, at each call.
        for location in sorted((model.location, *model.former_locations), key=_is_missing_folder):
            try:
                return self._same(model, location)
            except (ModelUnavailable, ContractBroken) as exc:
                faults.append(exc)
        raise faults[0]

    def _same(self, model: Model, location: str) -> Encoder:
        loaded = self._local(location, model.revision)
        if loaded.identity.revision != model.revision or loaded.identity.dimension != model.dimension:
            raise ContractBroken(
                f"model {model.name} here is {loaded.identity.revision}, the domain's is {model.revision}: "
                "install the same model on every worker"
            )
        return loaded

    def _local(self, name: str, revision: str) -> Encoder:
        """Return a local model; threads that need it while it is loaded wait, and load no second one."""
        with self._loading.setdefault(name, threading.Lock()):
            return self._loaded(name, revision)

    def _load_local(self, name: str, revision: str) -> Encoder:
        from pc_worker.encoding import load_encoder

        settings = self._settings
        return load_encoder(
            name, revision=revision, backend=settings.encoder, cache=settings.models, threads=settings.threads
        )

    def _load_engine(self, engine: Engine, model: Model | None) -> Encoder:
        from pc_worker.encoding import ModelIdentity
        from pc_worker.encoding.remote import EngineEncoder

        identity = None
        if model is not None:
            identity = ModelIdentity(name=model.name, revision=model.revision, dimension=model.dimension)
        return EngineEncoder(self._allowed(engine), self.options, identity=identity)

    def _allowed(self, engine: Engine) -> Engine:
        if engine.is_plain and not self._settings.insecure:
            raise ModelUnavailable(
                f"{engine.written}: texts and keys would cross the network in clear text: use https, or set "
                "PC_WORKER_INSECURE=1 if the network is safe"
            )
        return engine

    def _shared_limits(self) -> Storage:
        from limits.storage import RedisStorage

        pool = None if self._redis_client is None else self._redis_client().connection_pool
        return RedisStorage("redis://", connection_pool=pool, key_prefix=LIMIT_KEYS, wrap_exceptions=True)


def check_query_models(settings: Settings, encoders: Encoders) -> None:
    """Check that each query model fits the vectors of its domain; an unavailable engine is checked at its first use.

    Raises:
        InvalidRequest: If a domain is unknown or embedded here, or the dimensions differ.
        ModelUnavailable: If a model is not usable.
    """
    check_query_domains(settings)
    for domain, name in settings.query_models:
        from pc_worker.domains import get_domain

        vector = get_domain(domain).vector
        try:
            found = encoders.identify(name).dimension
        except Unavailable as exc:
            get_logger(__name__).warning("query_model_away", domain=domain, reason=str(exc))
            continue
        if vector is not None:
            _check_dimension(domain, name, found, vector.dimension)


def check_query_domains(settings: Settings) -> None:
    """Check that each query model is for a domain whose vectors come from its source; no model is loaded.

    Raises:
        InvalidRequest: If one is not.
    """
    if not settings.query_models:
        return
    from pc_worker.domains import get_domain

    for name, _ in settings.query_models:
        try:
            embedded_here = get_domain(name).embedded_here
        except PcWorkerError as exc:
            raise type(exc)(f"PC_WORKER_QUERY_MODELS: {exc}") from None
        if embedded_here:
            raise InvalidRequest(
                f"PC_WORKER_QUERY_MODELS: the queries of domain {name} are encoded with its own model: leave it out"
            )


def _check_dimension(domain: str, name: str, found: int, wanted: int) -> None:
    if found != wanted:
        raise NotServable(
            f"PC_WORKER_QUERY_MODELS: {name} has {found} dimensions, the vectors of domain {domain} have {wanted}: "
            "name the model that they were made with"
        )


def _is_missing_folder(location: str) -> bool:
    return os.path.isabs(location) and not os.path.isdir(location)


def _engine_of(name: str) -> Engine | None:
    try:
        return read_model_name(name).engine
    except WrongUrl as exc:
        raise ModelUnavailable(f"the model's name {exc}") from None
