"""Checks of settings that name something: models, an inbox, files of keys and tokens."""

from __future__ import annotations

from pc_worker import wiring
from pc_worker.access import read_tokens
from pc_worker.access.exposure import check_exposure
from pc_worker.access.tls import read_tls
from pc_worker.doctor.finding import Finding, run_check
from pc_worker.settings import Settings


def model(settings: Settings) -> Finding:
    """Check that the model of new domains is installed."""

    def probe() -> str:
        identity = wiring.encoders(settings).identify(settings.model)
        return f"{identity.name}@{identity.revision}, {identity.dimension} dimensions"

    return run_check("PC_WORKER_MODEL", "set it to an installed model, or unset it for the built-in one", probe)


def query_models(settings: Settings) -> list[Finding]:
    """Check the models of queries, if any are set."""

    def probe() -> str:
        wiring.check_models(settings)
        return ", ".join(f"{domain}: {model}" for domain, model in settings.query_models)

    fix = "name the models that the vectors of these domains were made with"
    return [run_check("PC_WORKER_QUERY_MODELS", fix, probe)] if settings.query_models else []


def inbox(settings: Settings) -> list[Finding]:
    """Check that the inbox can be scanned, if one is set."""

    def probe() -> str:
        wiring.check_inbox(settings, strict=True)
        return str(settings.inbox)

    fix = "name a folder or prefix that exists, under the data roots"
    return [run_check("PC_WORKER_INBOX", fix, probe)] if settings.inbox is not None else []


def access(settings: Settings) -> Finding:
    """Check what the gateway and the HTTP part read at their start: tokens, keys of JWTs, TLS files, exposure."""

    def probe() -> str:
        tls, known = settings.tls_cert is not None, settings.tls_client_ca is not None
        if settings.tls_cert is not None and settings.tls_key is not None:
            read_tls(settings.tls_cert, settings.tls_key, settings.tls_client_ca)
        tokens = len(read_tokens(settings.tokens_file)) if settings.tokens_file else 0
        if settings.jwt_jwks is not None:
            from pc_worker.access.jwks import KeySet  # with the library of signatures

            KeySet(settings.jwt_jwks).check()
        known = known or settings.token is not None or tokens > 0
        for part, addresses, jwts in (
            ("gateway", settings.gateway_addresses, None),
            ("http", settings.http_addresses, settings.jwt_jwks),
        ):
            for address in addresses:
                check_exposure(part, address, tls=tls, known=known or jwts is not None, insecure=settings.insecure)
        return ", ".join(("TLS" if tls else "no TLS", "known callers" if known else "no tokens"))

    return run_check("access", "correct the setting or the file that is named", probe)
