"""What can happen, each as one operation of chance on the line and on the oracle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID

import redis

from pc_worker.errors import Conflict, InvalidRequest
from pc_worker.hot_buffer.keys import ring_keys
from pc_worker.services.dead_letters.dead_list import drop_matching
from pc_worker.services.dead_letters.retry import retry_dead
from pc_worker.services.forget import forget_ids, forget_source
from pc_worker.services.ingest.process_chunk import process_chunk
from pc_worker.services.maintenance.purge import Retention, purge
from pc_worker.services.models import change_model
from pc_worker.store.ledger.letter_filter import LetterFilter
from tests.model.checks import check, compare, complete
from tests.model.line import DOMAIN, Line, Row
from tests.model.oracle import Begun, Ident, Truth, ident_of
from tests.model.readers import Follower, Puller, Wrong

SOURCES = ("shelf", "attic")
#: The first ones are in most files, so that jobs meet over them.
KEYS = [key for n in range(40) for key in (f"key {n}", f"0197a000-0000-7000-8000-{n:012d}")]
HOT = 24
MODELS = ("tiny-4", "tiny-8")
AT_ONCE = Retention(job_s=0, log_s=0, model_s=0, subscription_s=1e9)
RACERS = 2


@dataclass
class World:
    """The line, what must be true of it, and those who read it."""

    line: Line
    racers: list[Line]
    redis: redis.Redis
    address: str
    random: Random
    truth: Truth = field(default_factory=Truth)
    stolen: list[tuple[bytes, bytes]] = field(default_factory=list)
    pullers: list[Puller] = field(default_factory=list)
    follower: Follower = field(init=False)

    def __post_init__(self) -> None:
        self.pullers = [Puller(self.address, by_uuid=False), Puller(self.address, by_uuid=True)]
        self.follower = Follower(self.address, Random(self.random.random()))

    @property
    def open_chunks(self) -> list[tuple[Begun, int]]:
        """Chunks that a worker may be given now."""
        running = [job for job in self.truth.jobs.values() if job.state == "running"]
        return [(job, number) for job in running for number in sorted(job.open)]

    def jobs(self, *states: str) -> list[Begun]:
        """Return the jobs in one of these states."""
        return [job for job in self.truth.jobs.values() if job.state in states]


async def begin(world: World) -> None:
    """Ingest a file: new rows, changed ones, unchanged ones, some skipped, some dead, some twice."""
    source, number = world.random.choice(SOURCES), world.truth.number + 1
    if world.random.random() < 0.2:  # chunks that the gateway takes from the queue
        rows = [_row(world, source, number, KEYS) for _ in range(world.random.randint(33, 80))]
        size = world.random.randint(33, 80)
    else:
        rows = [_row(world, source, number, KEYS[:HOT]) for _ in range(world.random.randint(1, 9))]
        size = world.random.randint(1, 4)
    job_id = await asyncio.to_thread(world.line.begin, rows, source=source, chunk_size=size)
    world.truth.begin(job_id, source, rows, size)


def _row(world: World, source: str, number: int, keys: list[str]) -> Row:
    key, chance = world.random.choice(keys), world.random.random()
    held = world.truth.held.get(ident_of(source, key))
    if chance < 0.25 and held is not None and not world.truth.may_change(ident_of(source, key)):
        return {"id": key, "text": held.text}
    if chance < 0.3:
        return {"id": key, "text": None}
    text = f"{number} of {key}{' and more' * world.random.randint(0, 2)}"
    return {"id": key, "text": text + "\0" if chance < 0.35 else text}


async def work(world: World) -> None:
    """Process a chunk of a running job; sometimes twice."""
    if not world.open_chunks:
        return await begin(world)
    job, number = world.random.choice(world.open_chunks)
    result = await asyncio.to_thread(world.line.work, job.job_id, number)
    if result != "done":
        raise Wrong(f"chunk {number} of {job.job_id} is {result}")
    world.truth.done(job, number)
    if world.random.random() < 0.1 and (again := world.line.work(job.job_id, number)) != "gone":
        raise Wrong(f"a chunk that was done is {again}")


async def finish(world: World) -> None:
    """Finish a job; its rows must add up."""
    for job, number in world.open_chunks[: 1 + len(world.open_chunks) // 2]:
        await asyncio.to_thread(world.line.work, job.job_id, number)
        world.truth.done(job, number)


async def race(world: World) -> None:
    """Process chunks of several jobs at once, perhaps with a forget: the result must not depend on their order."""
    chosen = world.random.sample(world.open_chunks, min(RACERS, len(world.open_chunks)))
    if len(chosen) < RACERS or _equal_rows(chosen):
        return await work(world)
    steps: list[Callable[[], Any]] = [
        lambda line=line, job=job, number=number: _try(line, job.job_id, number)  # type: ignore[misc]
        for line, (job, number) in zip(world.racers, chosen, strict=True)
    ]
    victims = world.random.sample(sorted(world.truth.held), min(1, len(world.truth.held)))
    if world.random.random() < 0.5 and victims:
        ids = _row_ids(world, victims)
        steps.append(lambda: forget_ids(world.line.database, DOMAIN, ids))
    results = await asyncio.gather(*(asyncio.to_thread(step) for step in steps))
    for (job, number), result in zip(chosen, results, strict=False):
        if result == "done":
            world.truth.done(job, number)
    if len(steps) > RACERS:
        world.truth.forget(victims)


def _equal_rows(chosen: list[tuple[Begun, int]]) -> bool:
    """Return whether two chunks have the same row with the same text: its source then depends on their order."""
    rows = [{(ident_of(j.source, row["id"]), row["text"]) for _, row in j.chunk(n)} for j, n in chosen]
    return bool(rows[0] & rows[1]) or chosen[0] == chosen[1]


def _try(line: Line, job_id: str, number: int) -> str:
    try:
        return str(process_chunk(line.services, job_id, number)["result"])
    except Conflict:
        return "conflict"


async def forget_rows(world: World) -> None:
    """Forget some rows by their UUIDs."""
    victims = world.random.sample(sorted(world.truth.held), min(len(world.truth.held), world.random.randint(1, 3)))
    if victims:
        await asyncio.to_thread(forget_ids, world.line.database, DOMAIN, _row_ids(world, victims))
        world.truth.forget(victims)


def _row_ids(world: World, idents: list[Ident]) -> list[UUID]:
    found = world.line.query("SELECT row_id, source, key FROM rows")
    ids = {ident_of(source, key): UUID(row_id) for row_id, source, key in found}
    return [ids[ident] for ident in idents]


async def forget_a_source(world: World) -> None:
    """Forget a whole source, or the rows that a job of it did not contain."""
    able = [job for job in world.jobs("completed") if not job.letters]
    if able and world.random.random() < 0.7:
        job = world.random.choice(able)
        await asyncio.to_thread(forget_source, world.line.database, DOMAIN, job.source, missing_from=job.job_id)
        world.truth.forget_source(job.source, job)
    elif any(held.source == SOURCES[1] for held in world.truth.held.values()):
        await asyncio.to_thread(forget_source, world.line.database, DOMAIN, SOURCES[1])
        world.truth.forget_source(SOURCES[1], None)


async def cancel(world: World) -> None:
    """Cancel a running job."""
    if running := world.jobs("running"):
        job = world.random.choice(running)
        await asyncio.to_thread(world.line.cancel, job.job_id)
        job.state = "cancelled"


async def resume(world: World) -> None:
    """Resume a cancelled job."""
    from pc_worker.services.jobs import job_control

    if cancelled := world.jobs("cancelled"):
        job = world.random.choice(cancelled)
        await asyncio.to_thread(job_control.resume, world.line.services, job.job_id)
        job.state = "running"


async def switch(world: World) -> None:
    """Backfill the other model and switch to it, perhaps while a chunk is processed."""
    active = world.line.query("SELECT m.name FROM domains d JOIN models m USING (model_id) WHERE domain = %s", DOMAIN)
    model = world.line.model(next(name for name in MODELS if (name,) not in active))

    def fill_and_switch() -> str:
        after = change_model.FIRST
        while (reached := change_model.backfill(world.line.services, DOMAIN, model, after=after)) is not None:
            after = reached
        try:
            change_model.switch(world.line.services, DOMAIN, model)
        except InvalidRequest:  # the chunk brought rows that lack its vectors
            return "refused"
        return "switched"

    chosen = world.random.sample(world.open_chunks, min(1, len(world.open_chunks)))
    steps = [asyncio.to_thread(_try, world.racers[0], job.job_id, number) for job, number in chosen]
    _, *results = await asyncio.gather(asyncio.to_thread(fill_and_switch), *steps)
    for (job, number), result in zip(chosen, results, strict=True):
        if result == "done":
            world.truth.done(job, number)


async def purge_all(world: World) -> None:
    """Purge everything that is not needed."""
    await asyncio.to_thread(purge, world.line.services, AT_ONCE)
    for job in world.jobs("completed", "partial"):
        del world.truth.jobs[job.job_id]


async def dead_letters(world: World) -> None:
    """Retry dead letters from the unchanged source, or drop them."""
    if world.random.random() < 0.5:
        for told in await asyncio.to_thread(lambda: list(retry_dead(world.line.services, LetterFilter()))):
            if told.outcome != "dead":
                world.truth.drop(world.truth.jobs[str(told.job_id)], [told.row_no or 0])
    else:
        await asyncio.to_thread(lambda: list(drop_matching(world.line.services, LetterFilter())))
        for job in world.truth.jobs.values():
            world.truth.drop(job, list(job.letters))


async def flush(world: World) -> None:
    """Empty Redis."""
    world.redis.flushall()


async def forge(world: World) -> None:
    """Write into the hot buffer: damaged, foreign, old or misplaced entries, and data that is no entry."""
    with suppress(redis.ResponseError):  # a key that was spoiled before
        _forge(world)


def _forge(world: World) -> None:
    entries, order, state = ring_keys(DOMAIN)
    held: dict[bytes, bytes] = world.redis.hgetall(entries) if world.redis.type(entries) == b"hash" else {}  # type: ignore[assignment]
    world.stolen = (world.stolen + list(held.items()))[-50:]
    kind = world.random.randrange(6)
    if kind == 0 and held:
        first, entry = world.random.choice(sorted(held.items()))
        at = world.random.randrange(len(entry))
        world.redis.hset(
            entries, first, entry[:at] + bytes([entry[at] ^ 1 << world.random.randrange(8)]) + entry[at + 1 :]
        )
    elif kind == 1 and world.stolen:
        first, entry = world.random.choice(world.stolen)
        world.redis.hset(entries, first, entry)
        world.redis.zadd(order, {first: int(first)})
    elif kind == 2 and len(held) > 1:
        (first, _), (_, other) = world.random.sample(sorted(held.items()), 2)
        world.redis.hset(entries, first, other)
    elif kind == 3:
        world.redis.zadd(order, {b"no number": world.random.randrange(100)})
    elif kind == 4:
        world.redis.delete(world.random.choice((entries, order, state)))
        world.redis.set(world.random.choice((entries, order, state)), world.random.randbytes(20))
    elif world.redis.type(state) in (b"hash", b"none"):
        world.redis.hset(state, "epoch", "another")


async def read_all(world: World) -> None:
    """Read everything with a new client."""
    await complete(world, Puller(world.address, by_uuid=world.random.random() < 0.5))


async def read_on(world: World) -> None:
    """Resume a client at its checkpoint: its rows must then be complete, and may include forgotten ones."""
    puller = world.random.choice(world.pullers)
    if world.random.random() < 0.3:
        return await puller.pull_some(world.random.randint(1, 7))
    await puller.pull(world.random.randint(1, 7))
    have = {ident: text for ident, text in puller.store.rows.values() if ident in world.truth.held}
    compare(world.truth.texts, dict(have), f"a client that reads on by {'uuid' if puller.by_uuid else 'position'}")


async def read_beside(world: World) -> None:
    """Read with a client while a chunk is processed."""
    before = world.truth.texts
    (texts, _), _ = await asyncio.gather(Puller(world.address, by_uuid=False).pull(3), work(world))
    after = world.truth.texts
    for ident in before.keys() & after.keys():
        if texts.get(ident) not in (before[ident], after[ident]):
            raise Wrong(f"{ident} is {texts.get(ident)!r} in a reading beside a write, {after[ident]!r} after it")


async def cut_follower(world: World) -> None:
    """Disconnect and reconnect the live consumer."""
    await world.follower.cut()
    world.follower.start(own_position=world.random.random() < 0.5)


Operation = Callable[[World], Any]
#: How often each comes, in a hundred or so.
WEIGHTS: dict[Operation, int] = {
    begin: 16,
    work: 26,
    finish: 4,
    race: 9,
    forget_rows: 5,
    forget_a_source: 2,
    cancel: 5,
    resume: 5,
    switch: 2,
    purge_all: 3,
    dead_letters: 2,
    flush: 2,
    forge: 7,
    read_all: 4,
    read_on: 8,
    read_beside: 4,
    cut_follower: 4,
    check: 6,
}
