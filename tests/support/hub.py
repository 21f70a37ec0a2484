"""A replacement of the Hugging Face hub: its API and its files on one host, large files on another, as the real one.

It is strict: a request that the real hub would answer in another way is written to ``wrong``. It misbehaves on demand.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

TOKEN = "hf_throwaway"
ELSEWHERE = "/sign-in"
LARGE = (".safetensors", ".bin")
API = re.compile(r"/api/models/(?P<name>[^/]+/[^/]+)(?:/revision/(?P<revision>.+))?")
RESOLVE = re.compile(r"/(?P<name>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")


@dataclass
class Repository:
    """A model on the hub: its commits, oldest first, each with its files, and who may read it."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    gated: bool = False
    private: bool = False

    def add(self, files: dict[str, bytes]) -> str:
        """Add a commit and return its hash."""
        commit = hashlib.sha1(repr(sorted(files.items())).encode(), usedforsecurity=False).hexdigest()
        self.commits[commit] = files
        return commit

    def commit_of(self, revision: str | None) -> str | None:
        """Return the commit that a branch, a commit or nothing names."""
        if revision in (None, "main"):
            return list(self.commits)[-1]
        return revision if revision in self.commits else None


@dataclass
class Hub:
    """What it serves and what it saw.

    Attributes:
        faults: By a part of a path, the faults of the next requests for it: a status, or ``cut``, ``garbled``,
            ``longer``, ``slow down`` (429 with ``Retry-After``) and ``elsewhere`` (a redirect to another host, which
            serves a page).
        seen: Number of requests by method and path.
        wrong: What a client did that it should not.
    """

    url: str = ""
    cdn: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)
    ranges: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def fault(self, path: str) -> str:
        """Return the next fault for a path, empty if there is none."""
        for part, faults in self.faults.items():
            if part in path and faults:
                return faults.pop(0)
        return ""


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the files of a model's folder as a commit has them."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@contextmanager
def serving_hub() -> Iterator[Hub]:
    """Yield a hub that listens on two hosts."""
    hub = Hub()
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), _handler(kind, hub)) for kind in (_Api, _Cdn)]
    hub.url = f"http://127.0.0.1:{servers[0].server_port}"
    hub.cdn = f"http://localhost:{servers[1].server_port}"
    threads = [Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()


def _handler(kind: type[_Handler], hub: Hub) -> type[BaseHTTPRequestHandler]:
    return type(kind.__name__, (kind,), {"hub": hub})


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self) -> None:
        path = urlsplit(self.path).path
        self.hub.seen[f"{self.command} {path}"] += 1
        fault = self.hub.fault(f"{self.command} {path}")
        if fault == "slow down":
            self._send(429, b"", {"Retry-After": "0"})
        elif fault == "elsewhere":
            self._send(302, b"", {"Location": f"{self.hub.cdn}{ELSEWHERE}"})
        elif fault.isdigit():
            self._send(int(fault), b"a server's trouble")
        else:
            self.served(path, fault)

    def served(self, path: str, fault: str) -> None:
        raise NotImplementedError

    def _denied(self, status: int, code: str) -> None:
        self._send(status, b'{"error":"no"}', {"X-Error-Code": code})

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None, *, fault: str = "") -> None:
        if fault == "garbled":
            body = bytes(byte ^ 1 for byte in body)
        sent = body[: len(body) // 2] if fault == "cut" else body + b"more" if fault == "longer" else body
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if "Content-Length" not in (headers or {}):
            self.send_header("Content-Length", str(len(sent) if fault == "longer" else len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(sent)
        if fault == "cut":
            self.close_connection = True


class _Api(_Handler):
    def served(self, path: str, fault: str) -> None:
        found = API.fullmatch(path) or RESOLVE.fullmatch(path)
        if not (self.headers.get("User-Agent") or "").startswith(("unknown/", "hf_hub/")):
            self.hub.wrong.append(f"user agent {self.headers.get('User-Agent')}")
        if found is None:
            self.hub.wrong.append(f"{self.command} {self.path}")
            self._denied(404, "RepoNotFound")
            return
        repository = self.hub.repositories.get(found["name"])
        allowed = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        if repository is None or (repository.private and not allowed):
            self._denied(404 if allowed else 401, "RepoNotFound")
        elif (commit := repository.commit_of(found["revision"])) is None:
            self._denied(404, "RevisionNotFound")
        elif path.startswith("/api/"):
            self._describe(found["name"], repository, commit, fault)
        elif repository.gated and not allowed:
            self._denied(403 if self.headers.get("Authorization") else 401, "GatedRepo")
        else:
            self._file(repository.commits[commit].get(found["file"]), commit, found["file"], fault)

    def _describe(self, name: str, repository: Repository, commit: str, fault: str) -> None:
        if parse_qs(urlsplit(self.path).query) != {"blobs": ["true"]}:
            self.hub.wrong.append(self.path)
        files = repository.commits[commit]
        document = {
            "_id": "0" * 24,
            "id": name,
            "modelId": name,
            "sha": commit,
            "private": repository.private,
            "gated": "auto" if repository.gated else False,
            "disabled": False,
            "downloads": 1,
            "likes": 0,
            "tags": ["sentence-transformers"],
            "siblings": [_sibling(file, content) for file, content in sorted(files.items())],
        }
        self._send(200, json.dumps(document).encode(), {"Content-Type": "application/json"}, fault=fault)

    def _file(self, content: bytes | None, commit: str, file: str, fault: str) -> None:
        if content is None:
            self._denied(404, "EntryNotFound")
            return
        headers = {"X-Repo-Commit": commit, "ETag": f'"{_blob(content)}"', "Accept-Ranges": "bytes"}
        if not file.endswith(LARGE):
            self._send(200, content, headers, fault=fault)
            return
        digest = hashlib.sha256(content).hexdigest()
        headers |= {"Location": f"{self.hub.cdn}/{digest}?signature=s"}
        headers |= {"X-Linked-Size": str(len(content)), "X-Linked-Etag": f'"{digest}"'}
        self._send(302, b"", headers)


class _Cdn(_Handler):
    def served(self, path: str, fault: str) -> None:
        if self.headers.get("Authorization"):
            self.hub.wrong.append("the token went to another host")
        if path == ELSEWHERE:
            self._send(200, b"<html>sign in</html>", {"Content-Type": "text/html"})
            return
        contents = (
            content
            for repository in self.hub.repositories.values()
            for files in repository.commits.values()
            for content in files.values()
        )
        content = next(found for found in contents if hashlib.sha256(found).hexdigest() == path[1:])
        if not (wanted := self.headers.get("Range")):
            self._send(200, content, fault=fault)
            return
        self.hub.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-"))
        headers = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        self._send(206, content[start:], headers, fault=fault)


def _sibling(file: str, content: bytes) -> dict[str, object]:
    digest = hashlib.sha256(content).hexdigest()
    lfs = {"lfs": {"sha256": digest, "size": len(content), "pointerSize": 130}} if file.endswith(LARGE) else {}
    return {"rfilename": file, "size": len(content), "blobId": _blob(content), **lfs}


def _blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
