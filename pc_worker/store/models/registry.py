"""Models and the active model of each domain."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from pc_worker.errors import NotFound
from pc_worker.model import Model
from pc_worker.store.db.connection import Cursor

COLUMNS = "model_id, name, revision, dimension, normalised, encodable, location, former_locations"
#: Former locations that are kept of a model, the last ones.
MOST_FORMER = 7

REGISTER = """
INSERT INTO models (name, revision, dimension, normalised, encodable, location) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (name, revision, dimension, normalised) DO UPDATE SET location = excluded.location,
    former_locations = (array_remove(models.location || models.former_locations, excluded.location))[:{most}]
WHERE models.location <> excluded.location AND excluded.location <> ''
"""
FIND = f"SELECT {COLUMNS} FROM models WHERE (name, revision, dimension, normalised) = (%s, %s, %s, %s)"
LIST = f"""
SELECT {COLUMNS}, ARRAY(SELECT d.domain FROM domains d
                         WHERE d.model_id = m.model_id AND right(d.domain, 7) <> '.joined' ORDER BY 1)
FROM models m ORDER BY model_id
"""
ACTIVE = f"SELECT {COLUMNS} FROM models WHERE model_id = (SELECT model_id FROM domains WHERE domain = %s)"


def register_model(
    cursor: Cursor,
    *,
    name: str,
    revision: str,
    dimension: int,
    normalised: bool,
    encodable: bool,
    location: str = "",
) -> Model:
    """Return the model of this identity; register it if it is new.

    Workers load it from ``location``. Another location of a registered model becomes the first one to try; an empty one
    changes nothing.
    """
    identity = (name, revision, dimension, normalised)
    cursor.execute(REGISTER.format(most=MOST_FORMER), (*identity, encodable, location))
    cursor.execute(FIND, identity)
    return _model(cursor)


def ensure_domain(cursor: Cursor, domain: str, model: Model) -> None:
    """Create the domain's log with ``model`` active; change nothing if it exists."""
    cursor.execute(
        "INSERT INTO domains (domain, epoch, model_id) VALUES (%s, %s, %s) ON CONFLICT (domain) DO NOTHING",
        (domain, str(uuid4()), model.model_id),
    )


def active_model(cursor: Cursor, domain: str) -> Model:
    """Return the domain's active model.

    Raises:
        NotFound: If the domain has no log yet.
    """
    cursor.execute(ACTIVE, (domain,))
    return _model(cursor)


def read_model(cursor: Cursor, model_id: int) -> Model:
    """Return a registered model.

    Raises:
        NotFound: If there is no model of this id.
    """
    cursor.execute(f"SELECT {COLUMNS} FROM models WHERE model_id = %s", (model_id,))
    return _model(cursor)


def list_models(cursor: Cursor) -> list[tuple[Model, list[str]]]:
    """Return every registered model with the domains whose active model it is."""
    cursor.execute(LIST)
    return [(_made(row[:-1]), row[-1]) for row in cursor.fetchall()]


def _model(cursor: Cursor) -> Model:
    row = cursor.fetchone()
    if row is None:
        raise NotFound("no model is registered for this domain: run `migrate`")
    return _made(row)


def _made(row: tuple[Any, ...]) -> Model:
    return Model(**dict(zip(COLUMNS.split(", "), row, strict=True)))
