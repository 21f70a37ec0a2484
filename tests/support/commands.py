"""Commands in processes of their own that do not import the command line again: half a second less for each.

One process imports it and waits for requests on a socket. For each it forks a child, which takes over the request's
folder, environment and outputs, and is the command. A request that changes how Python itself starts is not for it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TextIO, cast

from pc_worker.cli import COMMANDS, main
from pc_worker.settings import PROJECT

#: What commands import later; nothing that reads settings or starts a thread while it is imported.
LATER = (
    "celery.app.amqp",
    "celery.app.control",
    "celery.app.events",
    "celery.app.log",
    "celery.backends.redis",
    "celery.events.state",
    "google.protobuf.json_format",
    "kombu.transport.redis",
    "tokenizers",
)
#: Modules of commands that run for long or start processes.
NOT_HERE = {"stack", "demo", "bench"}
#: Variables that matter before the first line of a program runs.
AT_START = ("PYTHON", "LD_", "LC_", "LANG", "TZ", "PCW_")
LARGEST_REQUEST = 1_000_000
#: The commands that are forked.
SERVED = sorted(name for name, (module, _) in COMMANDS.items() if module not in NOT_HERE)
#: Variable of a shell's environment: the inherited end of the socket for requests.
CONTROL = "PCW_CONTROL"
#: A program that asks for a command as the shell that started it does: its streams, its folder, its environment.
FORWARDER = f"""#!{sys.executable} -IS
import json, os, socket, sys
arguments, env = sys.argv[1:], dict(os.environ)
fd = env.pop({CONTROL!r}, "")
if not fd or not arguments or arguments[0] not in {SERVED}:
    os.execve(sys.executable, [sys.executable, "-m", "pc_worker", *arguments], env)
control = socket.socket(fileno=int(fd))
ours, theirs = socket.socketpair()
socket.send_fds(control, [json.dumps([arguments, env, os.getcwd()]).encode()], [theirs.fileno(), 0, 1, 2])
theirs.close()
_, code = map(int, ours.makefile())
os._exit(code if code >= 0 else 128 - code)
"""


class Commands:
    """The waiting process; started when first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._at_start: dict[str, str] = {}

    def suits(self, arguments: Sequence[str], env: Mapping[str, str]) -> bool:
        """Return whether the command would be the same: nothing but its imports happens before it begins."""
        name = arguments[0] if arguments else ""
        if name not in SERVED or env.get("PYTHONPATH", str(PROJECT)) != str(PROJECT):
            return False  # also where another version's code is to run
        with self._lock:
            if self._control is None:
                self._start(env)
        return self._at_start == _at_start(env)

    def run_shell(
        self, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, timeout_s: float
    ) -> subprocess.CompletedProcess[str]:
        """Run a program whose children may be the ``FORWARDER``, which asks this process for commands."""
        control = self._control if self.suits(SERVED[:1], env) else None
        fds = [control.fileno()] if control else []
        return subprocess.run(
            argv,
            env={**env, CONTROL: "".join(map(str, fds))},
            cwd=cwd,
            pass_fds=fds,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def run(
        self, arguments: Sequence[str], *, env: Mapping[str, str], cwd: Path | None, timeout_s: float
    ) -> tuple[int, str, str]:
        """Run a command to its end; return its exit code, stdout and stderr.

        Raises:
            TimeoutError: If it takes too long; it is killed.
        """
        assert self._control is not None
        request = json.dumps([list(arguments), dict(env), str(cwd or Path.cwd())]).encode()
        with open(os.devnull) as nothing, TemporaryFile() as out, TemporaryFile() as err:
            ours, theirs = socket.socketpair()
            streams = (nothing.fileno(), out.fileno(), err.fileno())
            with ours:
                with theirs:
                    socket.send_fds(self._control, [request], [theirs.fileno(), *streams])
                code = _exit_code(ours, timeout_s)
            return code, _text(out), _text(err)

    def _start(self, env: Mapping[str, str]) -> None:
        self._at_start = _at_start(env)
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                env=dict(env),
                cwd=PROJECT,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )


def _at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(AT_START)}


def _exit_code(reply: socket.socket, timeout_s: float) -> int:
    reply.settimeout(timeout_s)
    with reply.makefile("r") as lines:
        pid = int(lines.readline())
        try:
            return int(lines.readline())
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            raise


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return io.TextIOWrapper(file, encoding="utf-8").read()  # with universal newlines, as of a pipe


def serve(control: socket.socket) -> Sequence[str]:
    """Wait for requests until no process can make any; return in a child only, with its command's arguments."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the children are not waited for
    while True:
        request, fds, _, _ = socket.recv_fds(control, LARGEST_REQUEST, 4)
        if not request:
            os._exit(0)
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            control.close()
            arguments, env, folder = json.loads(request)
            _watch_a_child(fds[0])
            _become(env, folder, fds[1:])
            return list(arguments)
        for fd in fds:
            os.close(fd)


def _watch_a_child(reply: int) -> None:
    """Continue as a child of this process, which reports its pid and its exit code."""
    pid = os.fork()
    if pid == 0:
        os.close(reply)
        return
    os.write(reply, f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(OSError):  # no process waits any more
        os.write(reply, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(env: Mapping[str, str], folder: str, streams: Sequence[int]) -> None:
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    for standard, fd in enumerate(streams):
        os.dup2(fd, standard)
        os.close(fd)
    # They have noted of this process's files whether one can seek in them: that is different for each command.
    sys.stdin, sys.stdout, sys.stderr = _opened(sys.stdin, "r"), _opened(sys.stdout, "w"), _opened(sys.stderr, "w")


def _opened(stream: TextIO, mode: str) -> TextIO:
    """Return a new stream on the same descriptor, as Python itself makes it."""
    buffering = 1 if stream.line_buffering else -1
    new = os.fdopen(stream.fileno(), mode, buffering, stream.encoding, stream.errors, closefd=False)
    return cast(TextIO, new)


if __name__ == "__main__":
    modules = {name for name, _ in COMMANDS.values()} - NOT_HERE
    for module in (*(f"pc_worker.cli.commands.{name}" for name in modules), *LATER):
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # what is shared with the children is not looked at by their collectors
    sys.argv = ["pc_worker", *serve(socket.socket(fileno=int(sys.argv[1])))]
    sys.exit(main())
