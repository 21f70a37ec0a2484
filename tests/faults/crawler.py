"""A client to be hurt: reads a domain with a pause after each message. ``crawler ADDRESS DOMAIN PAUSE_S``."""

from __future__ import annotations

import sys
import time

import grpc

from pc_worker.wire.generated import embedding_stream_pb2 as pb
from pc_worker.wire.generated.embedding_stream_pb2_grpc import EmbeddingStreamServiceStub


def main(address: str, domain: str, pause_s: float) -> None:
    """Read, and say so once."""
    with grpc.insecure_channel(address) as channel:
        request = pb.StreamEmbeddingRequest(domain=domain, chunk_size=50)
        for number, _ in enumerate(EmbeddingStreamServiceStub(channel).StreamEmbedding(request)):
            if number == 0:
                sys.stdout.write("reading\n")
                sys.stdout.flush()
            time.sleep(pause_s)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
