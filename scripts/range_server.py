"""A server of the files of a folder that answers S3's requests for ranges, for measurements.

moto, with which the tests check the protocol, copies the whole object for each request; this one sends files by
``sendfile``. It checks no signatures. Run as ``python -m scripts.range_server FOLDER``; prints its port.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


class RangeHandler(BaseHTTPRequestHandler):
    """Answers HEAD, and GET with a range, of ``/BUCKET/NAME``."""

    protocol_version = "HTTP/1.1"
    folder = Path()

    def do_HEAD(self) -> None:
        """Send what is known of a file."""
        self._answer(200, 0, self._path().stat().st_size - 1)

    def do_GET(self) -> None:
        """Send the range that is asked for."""
        asked = _RANGE.fullmatch(self.headers.get("Range", ""))
        if asked is None:
            self.send_error(400, "a range is needed")
            return
        first, last = map(int, asked.groups())
        self._answer(206, first, last)
        with self._path().open("rb") as file:
            self.wfile.flush()
            self.connection.sendfile(file, first, last - first + 1)

    def log_message(self, *_: object) -> None:
        """Write nothing: the output is the measurement's."""

    def _path(self) -> Path:
        return self.folder / self.path.partition("?")[0].rsplit("/", 1)[-1]

    def _answer(self, status: int, first: int, last: int) -> None:
        found = self._path().stat()
        self.send_response(status)
        self.send_header("ETag", f'"{found.st_mtime_ns:x}"')
        self.send_header("Last-Modified", formatdate(found.st_mtime, usegmt=True))
        self.send_header("Content-Length", str(last - first + 1))
        if status == 206:
            self.send_header("Content-Range", f"bytes {first}-{last}/{found.st_size}")
        self.end_headers()


@contextmanager
def running_range_server(folder: Path) -> Iterator[dict[str, str]]:
    """Run a server of ``folder`` in a process of its own; yield the environment by which it is found."""
    command = [sys.executable, "-m", "scripts.range_server", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            port = process.stdout.readline().strip()
            yield {
                "AWS_ACCESS_KEY_ID": "reader",
                "AWS_SECRET_ACCESS_KEY": "not a secret",
                "AWS_REGION": "us-east-1",
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            }
        finally:
            process.terminate()


if __name__ == "__main__":
    RangeHandler.folder = Path(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), RangeHandler)
    print(server.server_port, flush=True)
    server.serve_forever()
