"""Generated protobuf code is what protoc makes of the one proto file, without manual edits."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from pc_worker.model import DEFAULT_CHUNK_ROWS, MAX_CHUNK_ROWS
from pc_worker.settings import PROJECT

FILES = ("embedding_stream_pb2.py", "embedding_stream_pb2.pyi", "embedding_stream_pb2_grpc.py")


def test_generated_code_has_not_drifted(tmp_path: Path) -> None:
    subprocess.run(
        [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            "-Ipc_worker/wire/generated=proto",
            f"--python_out={tmp_path}",
            f"--pyi_out={tmp_path}",
            f"--grpc_python_out={tmp_path}",
            "proto/embedding_stream.proto",
        ],
        check=True,
        cwd=PROJECT,
    )

    for name in FILES:
        made = (tmp_path / "pc_worker/wire/generated" / name).read_text()
        assert made == (PROJECT / "pc_worker/wire/generated" / name).read_text(), name


def test_the_comments_of_the_proto_have_the_numbers_of_the_code() -> None:
    proto = (PROJECT / "proto/embedding_stream.proto").read_text(encoding="utf-8")

    sizes = re.findall(r"at most, 1\.\.(\d+);.*?0 = (\d+)\.", proto)

    assert sizes == [(str(MAX_CHUNK_ROWS), str(DEFAULT_CHUNK_ROWS))] * 2
