"""Compare the declared domains with those in the database: what changed, and how to fix it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pc_worker.domains import Domain, domain_names, get_domain
from pc_worker.errors import NotServable
from pc_worker.model.joined import is_joined_name, joined_name
from pc_worker.services.dependencies import Services
from pc_worker.services.seed import declared_form, declared_model, seed_domains
from pc_worker.store.db.connection import Cursor, Database, is_storable
from pc_worker.store.ledger import declarations
from pc_worker.store.ledger.declarations import StoredDomain
from pc_worker.store.models.model_switch import lock_domain, switch_model
from pc_worker.store.models.registry import ensure_domain

State = Literal["ok", "changed", "removed", "new"]


@dataclass(frozen=True, slots=True)
class DomainState:
    """A domain that is declared, in the database, or both; ``what`` = the difference and what to do, if any."""

    domain: str
    state: State
    what: str = ""

    @property
    def sentence(self) -> str:
        """The domain and its difference as one sentence."""
        return f"domain {self.domain} {self.what}"


def domain_states(database: Database) -> list[DomainState]:
    """Return the state of every domain, declared or stored."""
    with database.transaction() as cursor:
        stored = {found.name: found for found in declarations.stored_domains(cursor) if not is_joined_name(found.name)}
    return [_state(name, stored.get(name)) for name in sorted({*stored, *domain_names()})]


def _state(name: str, stored: StoredDomain | None) -> DomainState:
    if name not in domain_names():
        return DomainState(
            name,
            "removed",
            "is no longer declared: its rows can be read and forgotten, but no rows can be added; "
            f"`forget --domain {name} --all` deletes them",
        )
    if stored is None:
        return DomainState(name, "new", "has no log yet: run `migrate`")
    what = difference(get_domain(name), stored)
    return DomainState(name, "changed", what) if what else DomainState(name, "ok")


def check_known(cursor: Cursor, domain: str) -> None:
    """Check that a domain has a log or is declared; one that is no longer declared still has rows.

    Raises:
        UnknownDomain: If it is neither declared nor in the database.
    """
    if not is_storable(domain) or is_joined_name(domain) or not declarations.stored_domains(cursor, domain):
        get_domain(domain)


def difference(domain: Domain, stored: StoredDomain) -> str:
    """Return how a declaration and the domain's log differ, and how to fix it; ``""`` if they agree."""
    found = "; ".join(_differences(domain, stored))
    if not found:
        return ""
    forget = f"`forget --domain {domain.name} --all`, then " if stored.has_rows else ""
    redeclare = f"{forget}`domains redeclare {domain.name}`"
    return f"is declared differently from its log: {found}; undo the change, or run {redeclare}"


def _differences(domain: Domain, stored: StoredDomain) -> list[str]:
    found = []
    if domain.vector is None and not stored.encodable:
        found.append("its vectors are to be computed here, the log's came with their sources")
    elif domain.vector is not None and stored.encodable:
        found.append("its vectors are to come with their sources, the log's were computed here")
    elif domain.vector is not None and domain.vector.dimension != stored.dimension:
        found.append(f"{domain.vector.dimension} dimensions, the log has {stored.dimension}")
    if stored.declaration is None:
        return found
    if stored.declaration["arm"] != domain.row_type:
        found.append(f"wire row type {domain.row_type}, the log has {stored.declaration['arm']}")
    lost = [column for column in stored.declaration["key"] if column not in domain.key]
    if lost:
        found.append(f"key columns without {', '.join(lost)}, which name the log's rows")
    joins = None if domain.join is None else domain.join.to_dict()
    if stored.declaration.get("join") != joins:
        found.append("another rule for joining rows into passages than that of the log's rows")
    return found


def open_domains(services: Services) -> list[DomainState]:
    """Open the log of every domain that has none; return the domains that changed or are no longer declared."""
    seed_domains(services)
    _note_declarations(services.database)
    return changed_domains(services.database)


def changed_domains(database: Database) -> list[DomainState]:
    """Return the domains that changed or are no longer declared."""
    return [state for state in domain_states(database) if state.state in ("changed", "removed")]


def _note_declarations(database: Database) -> None:
    """Record the declaration of every domain whose log agrees with it and has no record yet."""
    with database.transaction() as cursor:
        for stored in declarations.stored_domains(cursor):
            if stored.declaration is None and stored.name in domain_names():
                domain = get_domain(stored.name)
                if not _differences(domain, stored):
                    declarations.record_declaration(cursor, stored.name, declared_form(domain))


def check_unchanged(cursor: Cursor, domain: Domain) -> None:
    """Check that a domain's declaration agrees with its log, before rows are written.

    Raises:
        NotServable: If it does not, with the difference and how to fix it.
    """
    for stored in declarations.stored_domains(cursor, domain.name):
        what = difference(domain, stored)
        if what:
            raise NotServable(f"domain {domain.name} {what}")


def redeclare(services: Services, name: str) -> str:
    """Apply a domain's new declaration to its empty log, in a new epoch; return a description of the result.

    Raises:
        UnknownDomain: If the domain is not declared.
        NotServable: If it has rows, or a job that has not ended.
    """
    domain = get_domain(name)
    with services.database.transaction() as cursor:
        lock_domain(cursor, name)
        stored = next(iter(declarations.stored_domains(cursor, name)), None)
        if stored is None:
            return "has no log yet: `migrate` opens it"
        if not _differences(domain, stored):
            declarations.replace_declaration(cursor, name, declared_form(domain))
            return "is as its log was made: nothing changed"
        if stored.has_rows:
            raise NotServable(f"domain {name} still has rows: run `forget --domain {name} --all` first")
        job = declarations.open_job(cursor, name)
        if job is not None:
            raise NotServable(f"job {job} of domain {name} has not ended: wait for it, or run `cancel {job}`")
        model = declared_model(cursor, domain, services)
        switch_model(cursor, name, model.model_id)
        if domain.join is not None:
            ensure_domain(cursor, joined_name(name), model)
            switch_model(cursor, joined_name(name), model.model_id)
        declarations.replace_declaration(cursor, name, declared_form(domain))
    return f"has an empty log of {model.name} with {model.dimension} dimensions now: ingest its sources again"
