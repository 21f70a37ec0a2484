"""Parse a URL. An error never repeats any part of it, because that may be the password."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

ENCODE = (
    "a password that contains one of / ? # @ % or a space must be percent-encoded ('@' is %40), or be given by "
    "the setting for the password alone"
)
BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
NAME = re.compile(r"[\w.-]+")
PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
#: An IPv4 address as `bind` takes it: its last number stands for all bytes that are left, as in `127.1`.
SHORT_IPV4 = re.compile(r"[0-9]+(\.[0-9]+){0,3}", re.ASCII)

#: A host name, an IP address, or the folder of a Unix socket; its port, if one is named.
Host = tuple[str, int | None]


class WrongUrl(ValueError):
    """The text is not a supported URL; the message contains no part of it."""


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
    """Parse a URL that has a scheme.

    Raises:
        WrongUrl: If it is ambiguous or has a component that is not valid.
    """
    scheme, _, rest = text.partition("://")
    _check_characters(text)
    authority, path, query = _split_rest(rest)
    login, at, hosts = authority.rpartition("@")
    if "@" in login or "@" in path + query or "#" in rest:
        raise WrongUrl(f"is ambiguous: {ENCODE}")
    user, colon, password = login.partition(":")
    return UrlParts(
        scheme=scheme.lower(),
        user=percent_decode(user) if user else None,
        password=percent_decode(password) if at and colon and password else None,
        hosts=read_hosts(hosts),
        path=percent_decode(path.removeprefix("/")),
        query=_read_query(query.removeprefix("?")),
    )


def _split_rest(rest: str) -> tuple[str, str, str]:
    found = re.search(r"[/?]", rest)
    if found is None:
        return rest, "", ""
    place, question = found.start(), rest.find("?")
    end = question if question >= 0 else len(rest)
    return rest[:place], rest[place:end], rest[end:]


def _check_characters(text: str) -> None:
    if any(not sign.isprintable() or sign.isspace() for sign in text):
        raise WrongUrl(f"contains a space or an invisible character: {ENCODE}")
    if BAD_PERCENT.search(text):
        raise WrongUrl(f"has a '%' without two hexadecimal digits after it: {ENCODE}")


def percent_decode(text: str) -> str:
    """Return ``text`` without percent-encoding.

    Raises:
        WrongUrl: If the result is not UTF-8 or contains NUL.
    """
    try:
        plain = unquote(text, errors="strict")
    except UnicodeDecodeError as exc:
        raise WrongUrl("is not UTF-8 after percent-decoding") from exc
    if "\0" in plain:
        raise WrongUrl("contains the character NUL (%00)")
    return plain


def read_hosts(text: str) -> tuple[Host, ...]:
    """Parse comma-separated hosts with their ports; an empty text has none.

    Raises:
        WrongUrl: If one is not a valid host.
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
        raise WrongUrl(f"names a host with several ':' (an IPv6 address needs brackets): {ENCODE}")
    plain = percent_decode(host)
    if not plain.startswith("/") and not NAME.fullmatch(plain):
        raise WrongUrl("has no host where one is required")
    return plain, read_port(port) if colon else None


def _is_ipv6(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).version == 6
    except ValueError:
        return False


def is_loopback_host(host: str) -> bool:
    """Return whether a host is this machine and no other: `localhost`, or a loopback address without brackets.

    >>> [is_loopback_host(host) for host in ("localhost", "127.8.8.8", "127.1", "::1", "127.0.0.1.example")]
    [True, True, True, True, False]
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name: also one such as `127.example`, which anybody can register
        return host.lower() == "localhost" or _is_short_loopback(host)


def _is_short_loopback(host: str) -> bool:
    try:
        return bool(SHORT_IPV4.fullmatch(host)) and socket.inet_aton(host)[0] == 127
    except OSError:  # no address, as `127.300.1`
        return False


def read_port(text: str) -> int:
    """Parse a port.

    Raises:
        WrongUrl: If it is not a number between 1 and 65535.
    """
    if not PORT.fullmatch(text) or not 1 <= int(text) <= 65535:
        raise WrongUrl(f"has no port between 1 and 65535 after the host's ':': {ENCODE}")
    return int(text)


def _read_query(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.split("&") if text else ():
        name, equals, value = part.partition("=")
        if not equals or not name:
            raise WrongUrl("has something after its '?' that is not NAME=VALUE")
        name = percent_decode(name)
        if name in found:
            raise WrongUrl("has a parameter twice")
        found[name] = percent_decode(value)
    return found


def check_parameters(query: Mapping[str, str], *, known: Collection[str], unsupported: Mapping[str, str]) -> None:
    """Check that every parameter has an effect; errors repeat only well-known names.

    Raises:
        WrongUrl: With the unsupported parameter, or the supported ones.
    """
    for name in query:
        if name in unsupported:
            raise WrongUrl(f"has the parameter {name}, which is not supported: {unsupported[name]}")
        if name not in known:
            raise WrongUrl(f"has a parameter other than {', '.join(sorted(known))}")


def one_of_two(in_url: str | None, separate: str | None, *, what: str) -> str | None:
    """Return the value in the URL, or the separate one.

    Raises:
        WrongUrl: If both are set.
    """
    if in_url is not None and separate is not None:
        raise WrongUrl(f"contains a {what}, and there is a separate one too: remove one of them")
    return in_url if in_url is not None else separate


def format_login(user: str | None, password: str | None) -> str:
    """Return user and password as text of a URL, with the '@'."""
    login = percent_encode(user or "") + (f":{percent_encode(password)}" if password is not None else "")
    return f"{login}@" if login else ""


def format_host(host: str, port: int | None) -> str:
    """Return a host as text of a URL."""
    name = f"[{host}]" if ":" in host else percent_encode(host)
    return name if port is None else f"{name}:{port}"


def format_query(query: Mapping[str, str]) -> str:
    """Return parameters as text of a URL, with the '?'."""
    pairs = "&".join(f"{percent_encode(name)}={percent_encode(value)}" for name, value in query.items())
    return f"?{pairs}" if pairs else ""


def percent_encode(text: str) -> str:
    """Percent-encode everything that could be read as a part of the URL."""
    return quote(text, safe="")
