"""The model of a domain's vectors: the one in the database; settings only seed it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pc_worker.domains import Domain, domain_names, get_domain
from pc_worker.model import Model
from pc_worker.model.embedding_model import SOURCE
from pc_worker.model.joined import joined_name
from pc_worker.model.model_name import read_model_name
from pc_worker.services.dependencies import Services
from pc_worker.store.db.connection import Cursor
from pc_worker.store.ledger.declarations import record_declaration
from pc_worker.store.models import registry

if TYPE_CHECKING:
    from pc_worker.encoding import ModelIdentity


def active_model_of(services: Services, domain: Domain) -> Model:
    """Return the domain's active model; open its log with the seed model if it has none yet."""
    with services.database.transaction() as cursor:
        seed_domain(cursor, domain, services)
        return registry.active_model(cursor, domain.name)


def seed_domains(services: Services) -> None:
    """Open the log of every domain that has none."""
    for name in domain_names():
        with services.database.transaction() as cursor:
            seed_domain(cursor, get_domain(name), services)


def seed_domain(cursor: Cursor, domain: Domain, services: Services) -> None:
    """Open a domain's log unless it has one; its vectors come from its sources or from the seed model."""
    cursor.execute("SELECT 1 FROM domains WHERE domain = %s", (domain.name,))
    if cursor.fetchone() is None:
        registry.ensure_domain(cursor, domain.name, declared_model(cursor, domain, services))
        record_declaration(cursor, domain.name, declared_form(domain))
    if domain.join is not None:
        registry.ensure_domain(cursor, joined_name(domain.name), registry.active_model(cursor, domain.name))


def declared_form(domain: Domain) -> Mapping[str, Any]:
    """Return what is stored of a declaration; the dimension is stored with the model."""
    form = {"arm": domain.row_type, "key": list(domain.key)}
    return form if domain.join is None else form | {"join": domain.join.to_dict()}


def declared_model(cursor: Cursor, domain: Domain, services: Services) -> Model:
    """Return the first model of a domain's log, as it is declared."""
    if domain.vector is not None:
        return registry.register_model(
            cursor,
            name=SOURCE + domain.name,
            revision="as delivered",
            dimension=domain.vector.dimension,
            normalised=False,
            encodable=False,
        )
    return register_encodable(cursor, services.identify(services.default_model), services.default_model)


def register_encodable(cursor: Cursor, identity: ModelIdentity, location: str) -> Model:
    """Register a model that workers load from ``location`` to encode texts; they have another working directory."""
    return registry.register_model(
        cursor,
        name=identity.name,
        revision=identity.revision,
        dimension=identity.dimension,
        normalised=identity.normalised,
        encodable=True,
        location=whole_location(location),
    )


def whole_location(name: str) -> str:
    """Return a model's name as every process on this machine understands it: a folder as a path from the root."""
    named = read_model_name(name)
    folder = Path(named.name).expanduser()
    return str(folder.resolve()) if named.kind == "local" and folder.is_dir() else name
