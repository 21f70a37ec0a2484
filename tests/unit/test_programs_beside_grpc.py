"""Programs that a process starts while it uses gRPC."""

from __future__ import annotations

import os
import subprocess
import sys

#: Starts programs as servers are started: by a fork, for what is called before the program is executed.
STARTS = """
import signal, subprocess
from concurrent import futures
import pc_worker
import grpc
from pc_worker.embedded.processes.parent_death import parent_death_signal

server = grpc.server(futures.ThreadPoolExecutor(1))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
    grpc.channel_ready_future(channel).result(timeout=10)
    before = parent_death_signal(signal.SIGKILL)
    print({subprocess.run(["/bin/true"], preexec_fn=before).returncode for _ in range(300)})
server.stop(None)
"""


def test_each_program_is_started() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "GRPC_ENABLE_FORK_SUPPORT"}
    done = subprocess.run([sys.executable, "-c", STARTS], env=environment, capture_output=True, text=True)

    assert done.stdout == "{0}\n", done.stderr
