"""Parse a URL. An error never repeats any part of it, because that may be the password."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

ENCODE = (
    "a password that holds one of / ? # @ % or a space must be percent-encoded ('@' is %40), or be given by "
    "the setting for the password alone"
)
BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
NAME = re.compile(r"[\w.-]+")
PORT = re.compile(r"[0-9]{1,5}", re.ASCII)

#: A host name, an IP address, or the folder of a Unix socket; its port, if one is named.
Host = tuple[str, int | None]


class WrongUrl(ValueError):
    """The text is no URL that we understand; the message holds none of it."""


@dataclass(frozen=True, slots=True)
class UrlParts:
    """The components of a URL, percent-decoded."""

    scheme: str
    user: str | None
    password: str | None = field(repr=False)
    hosts: tuple[Host, ...]
    path: str
    query: Mapping[str, str] = field(repr=False)


def scheme_of(text: str, *, example: str) -> str:
    """Return the scheme, the text before ``://``, in lower case.

    Raises:
        WrongUrl: If there is none.
    """
    scheme, separator, _ = text.partition("://")
    if not separator:
        raise WrongUrl(f"is not a URL like {example}")
    return scheme.lower()


def split_url(text: str) -> UrlParts:
    """Take a URL apart that has a scheme.

    Raises:
        WrongUrl: If it can be read in two ways.
    """
    scheme, _, rest = text.partition("://")
    _check_characters(text)
    authority, path, query = _stretches(rest)
    login, at, hosts = authority.rpartition("@")
    if "@" in login or "@" in path + query or "#" in rest:
        raise WrongUrl(f"can be read in two ways: {ENCODE}")
    user, colon, password = login.partition(":")
    return UrlParts(
        scheme=scheme.lower(),
        user=decoded(user) if user else None,
        password=decoded(password) if at and colon and password else None,
        hosts=read_hosts(hosts),
        path=decoded(path.removeprefix("/")),
        query=_read_query(query.removeprefix("?")),
    )


def _stretches(rest: str) -> tuple[str, str, str]:
    found = re.search(r"[/?]", rest)
    if found is None:
        return rest, "", ""
    place, question = found.start(), rest.find("?")
    end = question if question >= 0 else len(rest)
    return rest[:place], rest[place:end], rest[end:]


def _check_characters(text: str) -> None:
    if any(not sign.isprintable() or sign.isspace() for sign in text):
        raise WrongUrl(f"holds a space, or a character that cannot be seen: {ENCODE}")
    if BAD_PERCENT.search(text):
        raise WrongUrl(f"has a '%' without two hexadecimal digits behind it: {ENCODE}")


def decoded(text: str) -> str:
    """Undo percent-encoding.

    Raises:
        WrongUrl: If the result is not UTF-8, or holds NUL.
    """
    try:
        plain = unquote(text, errors="strict")
    except UnicodeDecodeError as exc:
        raise WrongUrl("is not UTF-8 once its percent-encoding is undone") from exc
    if "\0" in plain:
        raise WrongUrl("holds the character NUL (%00)")
    return plain


def read_hosts(text: str) -> tuple[Host, ...]:
    """Read hosts with their ports, comma-separated; none of an empty text.

    Raises:
        WrongUrl: If one is no host.
    """
    return tuple(_read_host(part) for part in text.split(",")) if text else ()


def _read_host(text: str) -> Host:
    if text.startswith("["):
        address, bracket, port = text[1:].partition("]")
        if not bracket or (port and not port.startswith(":")) or not _is_ipv6(address):
            raise WrongUrl("has no IPv6 address between its brackets")
        return address, read_port(port[1:]) if port else None
    host, colon, port = text.partition(":")
    if ":" in port:
        raise WrongUrl(f"names a host with several ':' (an IPv6 address stands in brackets): {ENCODE}")
    plain = decoded(host)
    if not plain.startswith("/") and not NAME.fullmatch(plain):
        raise WrongUrl("names no host where one must stand")
    return plain, read_port(port) if colon else None


def _is_ipv6(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).version == 6
    except ValueError:
        return False


def read_port(text: str) -> int:
    """Read a port.

    Raises:
        WrongUrl: If it is no number between 1 and 65535.
    """
    if not PORT.fullmatch(text) or not 1 <= int(text) <= 65535:
        raise WrongUrl(f"has no port between 1 and 65535 behind the host's ':': {ENCODE}")
    return int(text)


def _read_query(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.split("&") if text else ():
        name, equals, value = part.partition("=")
        if not equals or not name:
            raise WrongUrl("has something behind its '?' that is not NAME=VALUE")
        name = decoded(name)
        if name in found:
            raise WrongUrl("has a parameter twice")
        found[name] = decoded(value)
    return found


def check_parameters(query: Mapping[str, str], *, known: Collection[str], refused: Mapping[str, str]) -> None:
    """Refuse parameters that nothing here would obey; only names that are well known are repeated.

    Raises:
        WrongUrl: Naming the parameter, or those there are.
    """
    for name in query:
        if name in refused:
            raise WrongUrl(f"has the parameter {name}, which is not supported: {refused[name]}")
        if name not in known:
            raise WrongUrl(f"has a parameter that is none of {', '.join(sorted(known))}")


def one_of_two(in_url: str | None, apart: str | None, *, what: str) -> str | None:
    """Return the value in the URL, or the separate one.

    Raises:
        WrongUrl: If both are set.
    """
    if in_url is not None and apart is not None:
        raise WrongUrl(f"holds a {what}, and there is a separate one too: remove one of them")
    return in_url if in_url is not None else apart


def written_login(user: str | None, password: str | None) -> str:
    """Return user and password as text of a URL, with the '@'."""
    login = encoded(user or "") + (f":{encoded(password)}" if password is not None else "")
    return f"{login}@" if login else ""


def written_host(host: str, port: int | None) -> str:
    """Return a host as text of a URL."""
    name = f"[{host}]" if ":" in host else encoded(host)
    return name if port is None else f"{name}:{port}"


def written_query(query: Mapping[str, str]) -> str:
    """Return parameters as text of a URL, with the '?'."""
    pairs = "&".join(f"{encoded(name)}={encoded(value)}" for name, value in query.items())
    return f"?{pairs}" if pairs else ""


def encoded(text: str) -> str:
    """Percent-encode everything that could be read as a part of the URL."""
    return quote(text, safe="")
