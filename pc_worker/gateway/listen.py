"""The addresses that the gateway listens on, their TLS, and the limits of connections."""

from __future__ import annotations

import errno
import socket

import grpc
import grpc.aio
import structlog

from pc_worker.access.exposure import check_exposure
from pc_worker.access.tls import read_tls
from pc_worker.errors import Unavailable
from pc_worker.gateway.auth import Access
from pc_worker.gateway.config import GatewayConfig
from pc_worker.settings import split_address

log = structlog.get_logger()

#: Test again after each upgrade of grpcio: three of these are not in its documentation.
SERVER_OPTIONS: tuple[tuple[str, int], ...] = (
    # A dead or frozen peer is detected after 3 + 9 s; the default is two hours. A JVM may pause for some seconds.
    ("grpc.keepalive_time_ms", 3_000),
    ("grpc.keepalive_timeout_ms", 9_000),
    # The default of 60 s would override the timeout above.
    ("grpc.http2.ping_timeout_ms", 9_000),
    ("grpc.http2.max_pings_without_data", 0),
    # Clients may ping as often, also between calls; by default the third ping within 5 minutes closes the connection.
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Otherwise two gateways could share a port, and neither would report it.
    ("grpc.so_reuseport", 0),
    # Clients send little: requests, credit, acknowledgements.
    ("grpc.max_receive_message_length", 1024 * 1024),
    ("grpc.max_metadata_size", 16 * 1024),
    ("grpc.max_send_message_length", -1),
    # By default gRPC cancels calls of any client at random once 1,000 wait for a handler. The quota rejects only those
    # of a client that makes too many.
    ("grpc.server.max_pending_requests", 50_000),
    ("grpc.server.max_pending_requests_hard_limit", 50_000),
)


#: Calls of a connection in addition to its client's quota of streams: health, reflection, and calls to be rejected.
SPARE_CALLS = 8


def server_options(config: GatewayConfig, access: Access) -> tuple[tuple[str, int], ...]:
    """Return gRPC's options: a connection allows no more calls than its client may have; more wait at the client."""
    share = config.streams_per_token if access.required else config.streams_per_host
    return (*SERVER_OPTIONS, ("grpc.max_concurrent_streams", min(share, config.max_streams) + SPARE_CALLS))


def open_addresses(server: grpc.aio.Server, config: GatewayConfig, access: Access) -> tuple[str, ...]:
    """Bind every address and return them with their real ports.

    Raises:
        InvalidRequest: If an address may not be used without TLS and credentials, or a TLS file is invalid.
        Unavailable: If an address is in use or does not belong to this machine.
    """
    credentials = _credentials(config)
    for address in config.addresses:
        known = access.required or config.tls_client_ca is not None
        check_exposure("gateway", address, tls=config.tls_cert is not None, known=known, insecure=config.insecure)
    return tuple(_open(server, address, credentials) for address in config.addresses)


def _open(server: grpc.aio.Server, address: str, credentials: grpc.ServerCredentials | None) -> str:
    try:
        port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    except RuntimeError as exc:
        raise Unavailable(_why_not(address)) from exc
    if not port:
        raise Unavailable(_why_not(address))
    return f"{address.rpartition(':')[0]}:{port}"


def _why_not(address: str) -> str:
    # gRPC does not report the reason; the operating system does.
    host, port = split_address(address)
    try:
        family, kind, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.bind(where)
            probe.listen()
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            return f"{address} is taken: stop what listens there, or set PC_WORKER_GATEWAY_ADDRESS (port 0 = any)"
        return f"cannot listen on {address}: {exc.strerror}: set PC_WORKER_GATEWAY_ADDRESS to one of this machine"
    return f"cannot listen on {address}: set PC_WORKER_GATEWAY_ADDRESS to another address"


def _credentials(config: GatewayConfig) -> grpc.ServerCredentials | None:
    if config.tls_cert is None or config.tls_key is None:
        return None
    files = read_tls(config.tls_cert, config.tls_key, config.tls_client_ca)
    return grpc.ssl_server_credentials(
        [(files.key, files.cert)],
        root_certificates=files.client_ca,
        require_client_auth=files.client_ca is not None,
    )
