"""One call of a stock batch server's ``IngestDataStream``, and the meaning of its answer."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import grpc

from pc_worker.errors import BatchServerTimeout, ContractBroken, Unavailable
from pc_worker.push.answer import NotAccepted
from pc_worker.wire.generated import embedding_stream_pb2 as pb
from pc_worker.wire.generated.embedding_stream_pb2_grpc import EmbeddingStreamServiceStub

#: Seconds. The server answers only after its commits, and a slow one takes up to 35 minutes for a full load.
DEADLINE_S = 2_400.0
OPTIONS = (
    # Pings detect a server that disappeared; it closes the connection after more than one in 5 minutes.
    ("grpc.keepalive_time_ms", 360_000),
    ("grpc.keepalive_timeout_ms", 60_000),
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.http2.bdp_probe", 0),  # these are pings too
    ("grpc.enable_retries", 0),  # the sender retries
    ("grpc.use_local_subchannel_pool", 1),  # the backoff of another push does not delay this one
    ("grpc.max_reconnect_backoff_ms", 5_000),
)
#: Characters of the server's answer that are kept as a reason.
REASON_CHARACTERS = 500


class BatchServer:
    """A connection to one server, opened at its first use; for one thread.

    Args:
        address: ``host:port``; without TLS, which the stock server does not support.
        deadline_s: Seconds that one call may take.
    """

    def __init__(self, address: str, *, deadline_s: float = DEADLINE_S) -> None:
        self.address, self._deadline_s = address, deadline_s
        self._channel = grpc.insecure_channel(address, options=OPTIONS)
        self._stub = EmbeddingStreamServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()

    def ingest(self, domain: str, dimension: int, chunks: Sequence[bytes]) -> None:
        """Send JSON arrays in one call and return once the server has committed them all.

        Sending them again is harmless: the server upserts.

        Raises:
            NotAccepted: If the server failed, or reports that it received something else; some rows may be committed.
            Unavailable: If it cannot be reached or the connection broke; some rows may be committed.
            ContractBroken: If the address is not of a batch server.
        """
        metadata = pb.IngestMetadata(domain=domain, file_name=f"log of {domain}", vector_dimension=dimension)
        requests = [pb.IngestDataRequest(metadata=metadata)]
        requests += [pb.IngestDataRequest(data_chunk=chunk) for chunk in chunks]
        try:
            answer = self._stub.IngestDataStream(iter(requests), timeout=self._deadline_s)
        except grpc.RpcError as exc:
            raise self._error_of(exc) from exc
        if not answer.success or answer.received_chunks != len(chunks):
            received = f"success = {answer.success}, {answer.received_chunks} chunks received of {len(chunks)} sent"
            raise NotAccepted(_short(f"{received}: {answer.message}"))

    def _error_of(self, exc: grpc.RpcError) -> Exception:
        code, reason = exc.code(), _short(f"{exc.code().name}: {exc.details() or 'no word'}")
        if code is grpc.StatusCode.UNAVAILABLE:
            return Unavailable(f"the batch server {self.address} does not answer: {reason}")
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return BatchServerTimeout(f"the batch server {self.address} gave no answer within {self._deadline_s:.0f} s")
        if code in (
            grpc.StatusCode.UNIMPLEMENTED,
            grpc.StatusCode.UNAUTHENTICATED,
            grpc.StatusCode.PERMISSION_DENIED,
        ):
            return ContractBroken(f"{self.address} is no stock batch server: it offers no IngestDataStream ({reason})")
        return NotAccepted(reason)


def _short(text: str) -> str:
    """Return the beginning of a server's text, on one line and without NUL."""
    return " ".join(text.replace("\0", " ").split())[:REASON_CHARACTERS]
