"""Redis-compatible servers behind TLS and behind a Unix socket."""

from __future__ import annotations

import contextlib
import secrets
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pc_worker.embedded.servers.software import redis_program
from tests.support.waiting import eventually

BLOCK = 65_536


@contextmanager
def tls_front(port: int, folder: Path, *, host: str = "127.0.0.1") -> Iterator[int]:
    """Speak TLS with the folder's `server` pair on a port of its own, and pass on to ``port``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    with socket.create_server((host, 0)) as listener:
        threading.Thread(target=_accept, args=(listener, context, port), daemon=True).start()
        yield listener.getsockname()[1]
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, context, port), daemon=True).start()


def _serve(client: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with (
        contextlib.suppress(OSError),
        context.wrap_socket(client, server_side=True) as secure,
        socket.create_connection(("127.0.0.1", port)) as server,
    ):
        threading.Thread(target=_pass, args=(server, secure), daemon=True).start()
        _pass(secure, server)


def _pass(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while block := source.recv(BLOCK):
            sink.sendall(block)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


@contextmanager
def unix_server(folder: Path, *, port: int = 0) -> Iterator[tuple[Path, str]]:
    """Run a server that listens on a Unix socket only; yield the socket and the password.

    With a port, it listens there too and wants no password.
    """
    path, password = folder / "redis.sock", "" if port else secrets.token_hex(8) + "@/ %"
    settings = f'port {port}\nunixsocket "{path}"\nrequirepass "{password}"\nsave ""\ndir "{folder}"\n'
    program = [str(redis_program()), "-"]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as server:
        assert server.stdin is not None
        server.stdin.write(settings.encode())
        server.stdin.close()
        try:
            eventually(path.exists, what="the socket")
            yield path, password
        finally:
            server.terminate()
