"""Checks of an installation: each reports what it found and, if that is wrong, how to fix it."""

from __future__ import annotations

import os

from pc_worker import wiring
from pc_worker.doctor import configuration, machine, servers
from pc_worker.doctor.finding import Finding
from pc_worker.errors import PcWorkerError
from pc_worker.settings import Settings

__all__ = ["Finding", "diagnose"]


def diagnose(settings: Settings) -> list[Finding]:
    """Run every check; a check that cannot run is a finding too."""
    findings = [machine.python(), *machine.packages(settings), machine.home(settings), machine.disk(settings)]
    findings += [*machine.roots(settings), configuration.model(settings), *configuration.inbox(settings)]
    findings += [*configuration.query_models(settings), configuration.access(settings)]
    findings += machine.unknown_settings(os.environ)
    ports = machine.ports(settings)
    try:
        where = wiring.endpoints(settings)
        redis_url = where.redis_url
    except PcWorkerError as exc:
        return [*findings, Finding("servers", False, str(exc), "start `up`, or set both URLs"), *ports]
    findings += servers.postgres(where.database_url)
    findings += servers.redis(redis_url, settings)
    if all(finding.ok for finding in findings if finding.check in ("schema", "PostgreSQL", "Redis")):
        findings.append(servers.queue_and_log(settings))
    return [*findings, *ports]
