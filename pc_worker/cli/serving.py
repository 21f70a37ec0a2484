"""Ask the gateway or the HTTP part of this machine whether it serves, also behind TLS."""

from __future__ import annotations

import ssl
import urllib.error
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.request import HTTPSHandler

from pc_worker.no_proxy import direct_opener
from pc_worker.settings import Settings, split_address

if TYPE_CHECKING:
    import grpc

ANSWER_S = 3.0
#: Where a gateway that listens everywhere is found from its own machine.
HERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "*": "127.0.0.1"}  # noqa: S104 - looked up, not listened on
#: Through no proxy of the environment: the gateway is on this machine.
DIRECT = ("grpc.enable_http_proxy", 0)


def gateway_serves(address: str, settings: Settings) -> bool:
    """Return whether the gateway's health service says SERVING.

    Of a gateway that wants a client's certificate, and does not take its own for one, no more can be seen than that
    it answers the handshake.
    """
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    try:
        # The certificate is made for the name that clients know, and perhaps by an authority of theirs.
        with own_channel(address, settings, certificate=_shown(address, settings)) as channel:
            reply = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=ANSWER_S)
    except grpc.RpcError as exc:
        return settings.tls_client_ca is not None and exc.code() is grpc.StatusCode.UNAVAILABLE
    except OSError:
        return False
    return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)


def http_serves(address: str, settings: Settings) -> bool:
    """Return whether the HTTP part answers; behind client certificates, whether it answers the handshake."""
    host, port = split_address(address)
    host = HERE.get(host, host)
    scheme = "http" if settings.tls_cert is None else "https"
    url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/healthz"
    anyone = ssl._create_unverified_context()  # noqa: S323 - we ask ourselves; the certificate is for the clients' name
    if settings.tls_client_ca is not None and settings.tls_cert is not None and settings.tls_key is not None:
        anyone.load_cert_chain(settings.tls_cert, settings.tls_key)
    try:
        with direct_opener(HTTPSHandler(context=anyone)).open(url, timeout=ANSWER_S) as response:
            return bool(response.status == 200)
    except (ssl.SSLError, urllib.error.URLError) as exc:
        reason = getattr(exc, "reason", exc)
        return settings.tls_client_ca is not None and isinstance(reason, ssl.SSLError)
    except OSError:
        return False


def own_channel(
    address: str, settings: Settings, *, certificate: bytes | None = None, options: Sequence[tuple[str, Any]] = ()
) -> grpc.Channel:
    """Open a channel to our own gateway, whose certificate is for the name that clients know, not for this address.

    Args:
        address: Where it listens.
        settings: Those that it has been started with.
        certificate: The one to expect; None = that of the settings, so that no other process is taken for the gateway.
        options: Further options of the channel.
    """
    import grpc

    host, port = _reached(address)
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if settings.tls_cert is None:
        return grpc.insecure_channel(target, [DIRECT, *options])
    expected = certificate or settings.tls_cert.read_bytes()
    named = ("grpc.ssl_target_name_override", _name(expected))
    return grpc.secure_channel(target, tls_credentials(settings, expected), [named, DIRECT, *options])


def tls_credentials(settings: Settings, trusted: bytes) -> grpc.ChannelCredentials:
    """Return credentials that trust a certificate; where clients must have one, we show our own."""
    import grpc

    if settings.tls_client_ca is None or settings.tls_key is None or settings.tls_cert is None:
        return grpc.ssl_channel_credentials(trusted)
    return grpc.ssl_channel_credentials(trusted, settings.tls_key.read_bytes(), settings.tls_cert.read_bytes())


def _reached(address: str) -> tuple[str, int]:
    host, port = split_address(address)
    return HERE.get(host, host), port


def _shown(address: str, settings: Settings) -> bytes | None:
    if settings.tls_cert is None:
        return None
    return ssl.get_server_certificate(_reached(address), timeout=ANSWER_S).encode()


def _name(certificate: bytes) -> str:
    """Return a name that the certificate is good for."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    read = x509.load_pem_x509_certificate(certificate)
    try:
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        common = read.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(common[0].value) if common else ""
    for name in names.get_values_for_type(x509.DNSName):
        return name.replace("*", "health", 1)
    return next(iter(str(address) for address in names.get_values_for_type(x509.IPAddress)), "")
