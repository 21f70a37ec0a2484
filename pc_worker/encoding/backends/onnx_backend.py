"""The light backend: ONNX Runtime on the CPU."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from pc_worker.encoding.protocol import Vectors
from pc_worker.encoding.text.batches import TokenBatch
from pc_worker.errors import EncodingFailed, ModelUnavailable


class OnnxForward:
    """A graph from token ids and masks to vectors; thread-safe.

    The threads of a session do not survive a fork, so each process opens its own session.
    """

    def __init__(self, graph: Path, *, threads: int) -> None:
        self._graph, self._threads = graph, threads
        self._sessions: dict[int, Any] = {os.getpid(): _session(graph, threads)}

    def __call__(self, batch: TokenBatch) -> Vectors:
        """Return vectors of shape (texts, dim).

        Raises:
            EncodingFailed: If the graph cannot take these ids.
        """
        from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, RuntimeException

        try:
            session = self._session()
            (vectors,) = session.run(None, {given.name: getattr(batch, given.name) for given in session.get_inputs()})
        except (Fail, InvalidArgument, RuntimeException) as error:
            if "allocate memory" in str(error):
                raise MemoryError(str(error)) from error
            raise EncodingFailed(f"the model fails on a text: {error}") from error
        return np.asarray(vectors, dtype=np.float32)

    def _session(self) -> Any:
        # The parent's session stays in the table: freeing it here would wait for threads of the parent.
        process = os.getpid()
        if process not in self._sessions:
            self._sessions[process] = _session(self._graph, self._threads)
        return self._sessions[process]


def _session(graph: Path, threads: int) -> Any:
    import onnxruntime
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidProtobuf, NoSuchFile

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # its errors are raised too, and its warnings are about devices that are not used
    # Between two calls a waiting thread would use a whole core.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except (Fail, InvalidProtobuf, NoSuchFile) as error:
        raise ModelUnavailable(
            f"the exported model {graph} is broken: delete its folder, it is exported again ({error})"
        ) from error
