"""One call to a stock batch server's ``IngestDataStream``, and what its answer means."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import grpc

from pc_worker.errors import BatchServerTimeout, ContractBroken, Unavailable
from pc_worker.wire.generated import embedding_stream_pb2 as pb
from pc_worker.wire.generated.embedding_stream_pb2_grpc import EmbeddingStreamServiceStub

#: The server answers only after its commits, and a slow one takes up to 35 minutes over a full load.
DEADLINE_S = 2_400.0
OPTIONS = (
    # A server that vanished without a word is found by pings; more than one in 5 minutes it would punish.
    ("grpc.keepalive_time_ms", 360_000),
    ("grpc.keepalive_timeout_ms", 60_000),
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.http2.bdp_probe", 0),  # these are pings too
    ("grpc.enable_retries", 0),  # repeating is the sender's business
    ("grpc.use_local_subchannel_pool", 1),  # another push's backoff is not ours
    ("grpc.max_reconnect_backoff_ms", 5_000),
)
#: Of the server's words, kept as a reason.
REASON_CHARACTERS = 500


class Refused(Exception):
    """The server did not take what it was sent; whether that or the server is at fault, its answer does not tell."""


class BatchServer:
    """A connection to one server, opened when first used; for one thread.

    Args:
        address: ``host:port``; plain text, as the stock server knows nothing else.
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
        """Send JSON arrays in one call; returns once the server has committed them all.

        Sending them again changes nothing there: it upserts.

        Raises:
            Refused: If the server failed, or says it received something else; parts may be committed.
            Unavailable: If it cannot be reached or went away; parts may be committed.
            ContractBroken: If what answers is no batch server.
        """
        metadata = pb.IngestMetadata(domain=domain, file_name=f"log of {domain}", vector_dimension=dimension)
        requests = [pb.IngestDataRequest(metadata=metadata)]
        requests += [pb.IngestDataRequest(data_chunk=chunk) for chunk in chunks]
        try:
            answer = self._stub.IngestDataStream(iter(requests), timeout=self._deadline_s)
        except grpc.RpcError as exc:
            raise self._meaning(exc) from exc
        if not answer.success or answer.received_chunks != len(chunks):
            received = f"success = {answer.success}, {answer.received_chunks} chunks received of {len(chunks)} sent"
            raise Refused(_short(f"{received}: {answer.message}"))

    def _meaning(self, exc: grpc.RpcError) -> Exception:
        code, words = exc.code(), _short(f"{exc.code().name}: {exc.details() or 'no word'}")
        if code is grpc.StatusCode.UNAVAILABLE:
            return Unavailable(f"the batch server {self.address} does not answer: {words}")
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return BatchServerTimeout(f"the batch server {self.address} gave no answer within {self._deadline_s:.0f} s")
        if code in (
            grpc.StatusCode.UNIMPLEMENTED,
            grpc.StatusCode.UNAUTHENTICATED,
            grpc.StatusCode.PERMISSION_DENIED,
        ):
            return ContractBroken(f"{self.address} is no stock batch server: it offers no IngestDataStream ({words})")
        return Refused(words)


def _short(words: str) -> str:
    """The beginning of a server's words, on one line and fit for a text column."""
    return " ".join(words.replace("\0", " ").split())[:REASON_CHARACTERS]
