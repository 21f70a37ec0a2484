"""The page for authors of clients: its programs read a real gateway, its other names are those of the proto file."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pc_worker.errors import PcWorkerError
from pc_worker.settings import PROJECT
from pc_worker.wire.generated import embedding_stream_pb2 as pb
from tests.support.documents import blocks
from tests.support.frames import write_documents
from tests.support.stack import LiveStack

PAGE = PROJECT / "docs" / "clients.md"
#: For Node's example; kept outside the repository between runs.
NODE_PACKAGES = ("@grpc/grpc-js@1.14.7", "@grpc/proto-loader@0.8.1")
NODE_FOLDER = Path.home() / ".cache" / "pc_worker-node"
DOMAIN = "document"


def snippet(language: str) -> str:
    """Return the page's only block in this language."""
    (found,) = blocks(PAGE, language)
    return found.text


@pytest.fixture(scope="module")
def folder(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder as an author has it: the proto file, and the messages generated as the page says."""
    made = tmp_path_factory.mktemp("client")
    (made / "proto").symlink_to(PROJECT / "proto")
    command = snippet("sh").replace("python3", sys.executable)
    subprocess.run(["sh", "-euc", command], cwd=made, check=True, capture_output=True)
    source = write_documents(made / "d.pkl", [f"distributed systems, part {n}" for n in range(40)])
    assert stack.ingest(source, DOMAIN, "--id-column", "id")["state"] == "completed"
    return made


@pytest.fixture(scope="module")
def node_folder() -> Path:
    """Return a folder with Node's packages, installed where they are missing."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("NODE'S EXAMPLE IS NOT TESTED HERE: there is no node or npm")
    if not (NODE_FOLDER / "node_modules" / "@grpc" / "proto-loader").exists():
        NODE_FOLDER.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(NODE_FOLDER)]
        try:
            done = subprocess.run([*command, *NODE_PACKAGES], capture_output=True, text=True, timeout=120, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip("NODE'S EXAMPLE IS NOT TESTED HERE: npm reaches no registry")
        if done.returncode != 0:
            pytest.skip(f"NODE'S EXAMPLE IS NOT TESTED HERE: npm cannot install its packages: {done.stderr[-300:]}")
    return NODE_FOLDER


def run(command: list[str], folder: Path, stack: LiveStack, **environment: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        command, cwd=folder, env=stack.env | environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(printed: list[dict[str, Any]], stack: LiveStack, subscription: str) -> None:
    """Compare what a program printed with the log, and its acknowledgement with the gateway's checkpoint."""
    *entries, end, search = printed
    rows = [entry for entry in entries if entry["dimensions"] is not None]
    log = stack.query(
        "SELECT l.position, l.row_id::text FROM log l WHERE domain = %s AND kind = 0 AND superseded_by IS NULL"
        " ORDER BY position",
        DOMAIN,
    )
    checkpoint = stack.query("SELECT position::text FROM subscriptions WHERE name = %s", subscription)

    assert [(row["position"], row["id"]) for row in rows] == log
    assert all(row["dimensions"] and all(row["dimensions"]) for row in rows)
    assert end["rows"] == str(len(rows))
    assert checkpoint == [(end["acked"],)]
    assert len(search["hits"]) == 3


def test_the_python_example_reads_everything_and_searches(folder: Path, stack: LiveStack) -> None:
    program = snippet("python").replace("127.0.0.1:50051", stack.addresses.gateway)

    check(run([sys.executable, "-c", program], folder, stack, PYTHONPATH=str(folder)), stack, "python-example")


def test_the_node_example_reads_everything_and_searches(folder: Path, node_folder: Path, stack: LiveStack) -> None:
    program = snippet("js").replace("127.0.0.1:50051", stack.addresses.gateway)

    printed = run(["node", "-e", program], folder, stack, NODE_PATH=str(node_folder / "node_modules"))

    check(printed, stack, "node-example")


def test_the_go_example_uses_names_of_the_proto() -> None:
    program = snippet("go")
    messages = pb.DESCRIPTOR.message_types_by_name
    oneofs = {f"{message.name}_{camel(field.name)}" for message in messages.values() for field in message.fields}
    fields = {camel(field.name) for message in messages.values() for field in message.fields}

    used = set(re.findall(r"pb\.(\w+)", program)) - {"EmbeddingStreamServiceClient"}
    getters = set(re.findall(r"\.Get([A-Z]\w+)\(\)", program)) - {"Response"}
    literals = set(re.findall(r"(?<![.\w])([A-Z]\w+):\s", program)) - {"Start", "Request"}  # oneofs

    assert used - set(messages) - oneofs == set()
    assert (getters | literals) - fields == set()


def camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def test_every_error_code_of_the_page_is_one_of_ours_with_the_status_beside_it() -> None:
    statuses = {error.code: error.grpc_status for error in subclasses(PcWorkerError)}
    rows = re.findall(r"^\| `([A-Z_]+)` \| `([a-z_]+)`", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert len(rows) >= 8
    assert [(status, code) for status, code in rows if statuses.get(code) != status] == []


def subclasses(kind: type[PcWorkerError]) -> list[type[PcWorkerError]]:
    return [kind, *(found for child in kind.__subclasses__() for found in subclasses(child))]
