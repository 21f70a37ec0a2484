"""A client as the stock batch server is one: compiled from the field table, run in a process without our stubs.

Usage: stock_client.py ADDRESS DOMAIN [UUID]. Prints one JSON line a row, then one with status and trailers.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
from pathlib import Path

import grpc
from grpc_tools import protoc


def main(address: str, domain: str, after: str | None) -> None:
    """Pull a domain in chunks of 300, as the stock reader does."""
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        outputs = [f"--python_out={folder}", f"--grpc_python_out={folder}"]
        protoc.main(["protoc", f"-I{here}", *outputs, str(here / "stock.proto")])
        sys.path.insert(0, folder)
        messages, stubs = importlib.import_module("stock_pb2"), importlib.import_module("stock_pb2_grpc")
    request = messages.StreamEmbeddingRequest(domain=domain, chunk_size=300)
    if after is not None:
        request.last_processed_uuid = after
    with grpc.insecure_channel(address) as channel:
        call = stubs.EmbeddingStreamServiceStub(channel).StreamEmbedding(request)
        try:
            for chunk in call:
                rows = getattr(chunk, chunk.WhichOneof("chunk_data")).rows
                for row in rows:
                    values = {field.name: getattr(row, field.name) for field in row.DESCRIPTOR.fields}
                    lists = {name: list(value) for name, value in values.items() if not isinstance(value, str | int)}
                    sys.stdout.write(json.dumps({**values, **lists, "chunk_rows": len(rows)}) + "\n")
        except grpc.RpcError as exc:
            sys.stdout.write(json.dumps({"status": exc.code().name}) + "\n")
            return
        trailers = {key: value for key, value in call.trailing_metadata() if key.startswith("pcw-")}
        sys.stdout.write(json.dumps({"status": "OK", **trailers}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None)
