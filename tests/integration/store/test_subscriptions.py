"""Named consumers as people see them."""

from __future__ import annotations

from pc_worker.store.connection import Cursor, Database
from pc_worker.store.subscriptions import list_subscriptions

FIXTURE = """
WITH model AS (
    INSERT INTO models (name, revision, dimension, normalised, encodable) VALUES ('m', '1', 8, true, false)
    RETURNING model_id
)
INSERT INTO domains (domain, head, epoch, model_id) SELECT 'law', 100, gen_random_uuid(), model_id FROM model;
INSERT INTO subscriptions (domain, name, position, epoch, held_by, held_until)
SELECT 'law', name, 40, epoch, by, now() + until
FROM domains, (VALUES ('dead', 'ipv4:10.0.0.1:1', interval '-1 s'), ('free', NULL, NULL),
                      ('held', 'ipv4:10.0.0.2:2', interval '30 s')) AS s (name, by, until)
"""


def test_who_holds_a_subscription_is_told_while_it_lives(database: Database) -> None:
    def work(cursor: Cursor) -> list[dict[str, object]]:
        cursor.execute(FIXTURE)
        return list_subscriptions(cursor)

    found = database.repeat(work)

    assert [(one["name"], one["lag"], one["held_by"]) for one in found] == [
        ("dead", 60, None),
        ("free", 60, None),
        ("held", 60, "ipv4:10.0.0.2:2"),
    ]
    assert [one["held_until"] is None for one in found] == [True, True, False]
