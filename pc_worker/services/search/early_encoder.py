"""The encoder of a domain's queries, loaded while a short command does other things."""

from __future__ import annotations

import importlib
import threading
from contextlib import suppress

from pc_worker.errors import NotFound, PcWorkerError
from pc_worker.model import Model, read_model_name
from pc_worker.services.dependencies import Services
from pc_worker.services.search.request import SearchRequest
from pc_worker.store.models.registry import active_model


def begin_to_load(services: Services, request: SearchRequest) -> None:
    """Begin to load the encoder that a search will need, in a thread: most of the work is outside Python.

    The search waits for it, and raises what is wrong with it.

    Raises:
        Unavailable: If PostgreSQL does not answer.
    """
    if request.mode == "text" or request.like is not None:
        return
    try:
        with services.database.transaction() as cursor:
            model = active_model(cursor, request.domain)
    except NotFound:  # the domain has no rows
        return
    if model.encodable and read_model_name(model.location).engine is None:
        # First what the thread needs, or it would import by turns with its caller, who would then wait for its end.
        importlib.import_module("pc_worker.encoding.loading")
    # The end of the process waits for it: at the end of the interpreter, a thread in native code would crash.
    threading.Thread(target=_load, args=(services, model), name="encoder").start()


def _load(services: Services, model: Model) -> None:
    with suppress(PcWorkerError):
        services.encoder(model)
