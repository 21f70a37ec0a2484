"""Embedding models behind a server with ``/v1/embeddings``, written ``openai:NAME[?dimensions=N][@BASE_URL]``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from pc_worker.urls.split import WrongUrl, format_host, is_loopback_host, read_hosts

PREFIX = "openai:"
#: The server of engines without a base URL.
OPENAI_URL = "https://api.openai.com/v1"
LONGEST_NAME = 200
MAX_DIMENSIONS = 16_000
WRITTEN = "openai:NAME or openai:NAME@http(s)://HOST[:PORT]/PATH"

BASE_URL = re.compile(r"@(?=https?://)", re.IGNORECASE)
# "@" in a name is a revision as in "gecko@003"; with a port, a path or a dotted host it is an address.
ADDRESS_WITHOUT_SCHEME = re.compile(
    r".@([^@/]*:\d+(/.*)?|localhost(/.*)?|[\w-]+(\.[\w-]+)+/.*|\[.*|\d+(\.\d+){3}|.*://.*)$"
)
DIMENSIONS = re.compile(r"dimensions=([1-9][0-9]{0,4})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A model behind an HTTP server.

    Attributes:
        name: The model's name for the server.
        base_url: The server's address without a slash at the end, OpenAI's own if none was given.
        dimensions: The length of vectors to request; None = the model's own.
    """

    name: str
    base_url: str
    dimensions: int | None = None

    @property
    def is_own_server(self) -> bool:
        """Whether the server is another than OpenAI's."""
        return self.base_url != OPENAI_URL

    @property
    def host(self) -> str:
        """Host and port of the server, as in its URL."""
        return urlsplit(self.base_url).netloc

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine."""
        host = urlsplit(self.base_url).hostname or ""
        return is_loopback_host(host) or host.endswith(".localhost")

    @property
    def is_plain(self) -> bool:
        """Whether texts and keys would cross a network without TLS."""
        return self.base_url.startswith("http://") and not self.is_loopback

    @property
    def written(self) -> str:
        """The engine in its written form; reading that returns an equal engine."""
        dimensions = f"?dimensions={self.dimensions}" if self.dimensions else ""
        return f"{PREFIX}{self.name}{dimensions}" + (f"@{self.base_url}" if self.is_own_server else "")


def is_engine(text: str) -> bool:
    """Return whether a model's name names an engine over HTTP, not a folder or a local model."""
    return text.strip()[: len(PREFIX)].lower() == PREFIX


def read_engine(text: str) -> Engine:
    """Parse an engine.

    Names may contain ``/``, ``:`` and ``@``: the base URL begins at the first ``@http://`` or ``@https://``.

    Raises:
        WrongUrl: If it is not one, or has a login, a query or a fragment in its URL; no part of it is repeated.
    """
    if not is_engine(text):
        raise WrongUrl(f"is not {WRITTEN}")
    named, *urls = BASE_URL.split(text.strip()[len(PREFIX) :], maxsplit=1)
    name, dimensions = _named(named)
    return Engine(name=name, base_url=_base_url(urls[0]) if urls else OPENAI_URL, dimensions=dimensions)


def _named(text: str) -> tuple[str, int | None]:
    name, question, parameters = text.partition("?")
    if (
        not name.strip("@")
        or len(name) > LONGEST_NAME
        or not all(sign.isprintable() and not sign.isspace() for sign in text)
    ):
        raise WrongUrl(f"has no model name of 1 to {LONGEST_NAME} visible characters: write {WRITTEN}")
    if ADDRESS_WITHOUT_SCHEME.search(name):
        raise WrongUrl("has an address without http:// or https:// after its '@'")
    if not question:
        return name, None
    found = DIMENSIONS.fullmatch(parameters)
    if found is None or int(found[1]) > MAX_DIMENSIONS:
        raise WrongUrl(f"has something else than dimensions=N, 1 to {MAX_DIMENSIONS}, after its '?'")
    return name, int(found[1])


def _base_url(text: str) -> str:
    if any(not sign.isprintable() or sign.isspace() for sign in text):
        raise WrongUrl("has a space or an invisible character in its URL")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise WrongUrl("has a URL that cannot be read") from None
    if "@" in text:
        raise WrongUrl("has a login in its URL: give the key by OPENAI_API_KEY or a file, never in a URL")
    if "?" in text or "#" in text:
        raise WrongUrl("has a query or a fragment in its URL: give only the base URL, and keys by their variables")
    hosts = read_hosts(parts.netloc)
    if len(hosts) != 1 or hosts[0][0].startswith("/"):
        raise WrongUrl("names no host, or several, in its URL")
    host, port = hosts[0]
    return f"{parts.scheme.lower()}://{format_host(host.lower(), port)}{parts.path.rstrip('/')}"
