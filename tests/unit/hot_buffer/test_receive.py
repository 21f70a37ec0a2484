"""Reading from a socket in a thread that is interrupted."""

from __future__ import annotations

import fcntl
import signal
import socket
import struct
import termios
import threading
from collections.abc import Iterator

import pytest

from pc_worker.hot_buffer.ring_direct import _receive


@pytest.fixture
def _interruptible() -> Iterator[None]:
    before = signal.signal(signal.SIGUSR2, lambda *_: None)
    yield
    signal.signal(signal.SIGUSR2, before)


@pytest.mark.usefixtures("_interruptible")
def test_an_interrupted_thread_receives_all_bytes() -> None:
    ours, theirs = socket.socketpair()
    ours.settimeout(None)
    received: list[bytes] = []
    with ours, theirs:
        reader = threading.Thread(target=lambda: received.append(_receive(ours, 12)))
        reader.start()
        for part in (b"abcd", b"efgh"):
            theirs.sendall(part)
            while reader.is_alive() and _unread(theirs):  # then it waits for the rest
                pass
            if reader.is_alive():
                signal.pthread_kill(reader.ident or 0, signal.SIGUSR2)
        theirs.sendall(b"ijkl")
        reader.join(10)

    assert received == [b"abcdefghijkl"]


def test_a_server_that_closes_the_connection_has_broken_off() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.sendall(b"abcd")
        theirs.close()

        with pytest.raises(ConnectionError, match="broke off"):
            _receive(ours, 12)


def _unread(sender: socket.socket) -> int:
    (unread,) = struct.unpack("i", fcntl.ioctl(sender, termios.TIOCOUTQ, bytes(4)))
    return int(unread)
