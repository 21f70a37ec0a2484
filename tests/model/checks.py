"""What must hold after any operation: in the database, in a reading from 0, and with the live consumer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.model.line import DOMAIN
from tests.model.oracle import Ident, ident_of
from tests.model.readers import Puller, Wrong

if TYPE_CHECKING:
    from tests.model.operations import World

#: Counts of what must never be.
NEVER = {
    "batches that do not join": (
        "SELECT count(*) FROM (SELECT first_position, lag(last_position, 1, 0::bigint) OVER (ORDER BY first_position) "
        "AS before FROM log_batches) b WHERE first_position <> before + 1"
    ),
    "heads that are not the last batch's end": (
        "SELECT count(*) FROM domains d WHERE d.head <> coalesce("
        "(SELECT max(last_position) FROM log_batches b WHERE b.domain = d.domain), 0)"
    ),
    "rows without exactly one newest entry": (
        "SELECT count(*) FROM rows r WHERE (SELECT count(*) FROM log l WHERE (l.domain, l.row_id) = (r.domain, "
        "r.row_id) AND superseded_by IS NULL AND kind = 0) <> 1"
    ),
    "newest entries without a row": (
        "SELECT count(*) FROM log l WHERE superseded_by IS NULL AND kind = 0 AND NOT EXISTS "
        "(SELECT FROM rows r WHERE (l.domain, l.row_id) = (r.domain, r.row_id))"
    ),
    "rows without vectors of the active model": (
        "SELECT count(*) FROM rows r JOIN domains d USING (domain) WHERE NOT EXISTS (SELECT FROM embeddings e "
        "WHERE (e.domain, e.row_id, e.model_id) = (r.domain, r.row_id, d.model_id))"
    ),
    "rows without terms": "SELECT count(*) FROM rows LEFT JOIN row_terms t USING (domain, row_id) WHERE t IS NULL",
    "jobs that do not add up": (
        "SELECT count(*) FROM jobs WHERE state IN ('completed', 'partial') "
        "AND rows_total <> rows_written + rows_unchanged + rows_skipped + rows_dead"
    ),
    "dead rows without their letter": (
        "SELECT count(*) FROM jobs j WHERE rows_dead <> (SELECT count(*) FROM dead_letters l WHERE l.job_id = j.job_id)"
    ),
    "keys that are remembered of no row, or twice": (
        "SELECT count(*) FROM (SELECT row_id FROM identities GROUP BY domain, row_id HAVING count(*) > 1) twice"
    ),
}


async def check(world: World) -> None:
    """Check all invariants: in the database, in a read from position 0, and at the live consumer."""
    found = world.line.query("SELECT source, key, text FROM rows")
    stored = {ident_of(source, key): text for source, key, text in found}
    compare(world.truth.texts, stored, "the rows")
    await complete(world, Puller(world.address, by_uuid=False))
    ((head,),) = world.line.query("SELECT head FROM domains WHERE domain = %s", DOMAIN)
    await world.follower.caught_up(head)
    compare(world.truth.texts, world.follower.store.texts(), "the follower")
    for what, statement in NEVER.items():
        if (broken := world.line.query(statement)) != [(0,)]:
            raise Wrong(f"{broken[0][0]} {what}")
    _check_jobs(world)


def _check_jobs(world: World) -> None:
    states = dict(world.line.query("SELECT job_id, state FROM jobs"))
    expected = {job.job_id: job.state for job in world.truth.jobs.values()}
    if states != expected:
        wrong = {job: (states.get(job), expected.get(job)) for job in states.keys() | expected.keys()}
        raise Wrong(f"jobs (found, expected): {json.dumps({k: v for k, v in wrong.items() if v[0] != v[1]})}")


async def complete(world: World, puller: Puller) -> None:
    texts, _ = await puller.pull(world.random.randint(1, 300))
    compare(world.truth.texts, texts, "a reading from 0")


def compare(expected: dict[Ident, str], found: dict[Ident, str], where: str) -> None:
    if expected != found:
        lost = {k: (found.get(k), text) for k, text in expected.items() if found.get(k) != text}
        more = {k: text for k, text in found.items() if k not in expected}
        raise Wrong(f"{where}: lost or old (found, expected) {lost}; too many {more}")
