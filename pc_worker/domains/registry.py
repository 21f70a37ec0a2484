"""The registry of domains: every module of this package that declares a ``DOMAIN``."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType

from pc_worker.domains.declaration.domain import Domain
from pc_worker.errors import UnknownDomain


def get_domain(name: str) -> Domain:
    """Return the domain called ``name`` (case-sensitive).

    Raises:
        UnknownDomain: If no module declares it.
    """
    domain = _declared().get(name)
    if domain is None:
        raise UnknownDomain(f'unknown domain "{name[:80]}": known are {", ".join(domain_names())}')
    return domain


def domain_names() -> list[str]:
    """Return the names of all domains, sorted."""
    return sorted(_declared())


@functools.cache
def _declared() -> Mapping[str, Domain]:
    package = __name__.rpartition(".")[0]
    folder = importlib.import_module(package).__path__
    modules = [importlib.import_module(f"{package}.{found.name}") for found in pkgutil.iter_modules(folder)]
    declared = [module.DOMAIN for module in modules if hasattr(module, "DOMAIN")]
    return MappingProxyType({domain.name: domain for domain in declared})
