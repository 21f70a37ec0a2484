"""A receiver of traces that drops what it gets, in its own process: its work is not that of the part."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection


class Dropped(BaseHTTPRequestHandler):
    """Answers OTLP over HTTP: everything is accepted."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Read one request and accept it."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing: the benchmark's result goes to the same terminal."""


def run_receiver(pipe: Connection) -> None:
    """Serve until the process is ended."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Dropped)
    pipe.send(f"127.0.0.1:{server.server_address[1]}")
    server.serve_forever()
