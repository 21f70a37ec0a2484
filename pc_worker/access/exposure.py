"""Whether a server may listen on an address: beyond loopback it needs TLS and known callers."""

from __future__ import annotations

import structlog

from pc_worker.errors import InvalidRequest
from pc_worker.settings import is_loopback

log = structlog.get_logger()


def check_exposure(part: str, address: str, *, tls: bool, known: bool, insecure: bool) -> None:
    """Check that a server may listen on ``address``; warn where only ``insecure`` allows it.

    Args:
        part: The server's name, for the message.
        address: HOST:PORT.
        tls: Whether it has a certificate.
        known: Whether callers need a token or a client certificate.
        insecure: Whether it may listen beyond loopback without both.

    Raises:
        InvalidRequest: If it may not.
    """
    if is_loopback(address) or (tls and known):
        return
    if not insecure:
        raise InvalidRequest(
            f"the {part} may not listen on {address} without TLS and tokens or client certificates: set"
            " PC_WORKER_TLS_CERT, PC_WORKER_TLS_KEY and PC_WORKER_TOKEN or PC_WORKER_TLS_CLIENT_CA,"
            " or PC_WORKER_INSECURE=1 on a safe network"
        )
    log.warning("listening_insecurely", part=part, address=address, tls=tls, credentials=known)
