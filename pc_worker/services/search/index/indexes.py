"""The vector index of each domain: built after the load, tuned to a recall, rebuilt when outgrown, checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from pc_worker.domains import get_domain
from pc_worker.errors import InvalidRequest
from pc_worker.logs import get_logger
from pc_worker.model.joined import rows_domain
from pc_worker.services.search.index.index_choice import BUILD_SHARE, MAX_DIMENSION, MIN_VECTORS, choose_index
from pc_worker.services.search.passages.joined_hits import searched_name
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.store.search.index.build import IndexSpec, build_index, drop_index, maintenance
from pc_worker.store.search.index.catalog import (
    BuiltIndex,
    IndexState,
    forget_missing,
    index_states,
    leftover_indexes,
    record_index,
    record_recall,
    share_of_rows,
)
from pc_worker.store.search.index.memory import ServerMemory, server_memory
from pc_worker.store.search.index.recall import Recall, RecallQuery, measure_recall, sample_queries
from pc_worker.store.search.scope import MAX_EF_SEARCH, Method
from pc_worker.store.search.vector_form import Precision

log = get_logger(__name__)

#: IVFFlat's centres do not move: with this many times more or fewer vectors they no longer fit.
OUTGROWN = 3.0
#: Queries with which recall is measured.
QUERIES = 40
#: No query should lose more than a fifth of its neighbours, if a breadth up to 4 times larger prevents that.
LEAST, PATIENCE = 0.8, 4
#: Otherwise the breadth grows while the mean rises by more than this.
HARDLY = 0.01
#: A model is complete if that share of a sample of this many rows has its vectors: some are too large for it.
SAMPLED, COMPLETE = 2_000, 0.99
#: Beyond this many vectors the periodic check does not compare all of them: 20 queries would read the table 20 times.
COMPARED = 1_000_000
EF_STEPS = (40, 60, 80, 120, 160, 240, 320, 480, 640, MAX_EF_SEARCH)


@dataclass(frozen=True, slots=True)
class Tuned:
    """The result of tuning a domain's index; ``reached`` = the mean recall is at least the target."""

    domain: str
    breadth: int
    recall: Recall
    reached: bool


def index_status(database: Database, domain: str | None = None) -> list[IndexState]:
    """Return the vectors and indexes of all domains, or of one.

    Raises:
        InvalidRequest: If the domain is unknown.
    """
    if domain is not None:
        get_domain(rows_domain(domain))
    with database.transaction() as cursor:
        return index_states(cursor, domain)


def build_indexes(
    database: Database,
    domain: str | None = None,
    *,
    method: Method | None = None,
    precision: Precision | None = None,
    first: int | None = None,
) -> dict[str, str]:
    """Build an index where it is useful, replace the old ones, and tune.

    Args:
        database: A connection of the calling thread.
        domain: Only this domain.
        method: The method instead of the chosen one.
        precision: The precision instead of the chosen one.
        first: Index at most this many of the first numbers; for models that are trained for it.

    Returns:
        Why each index was chosen, by the domains with new indexes.

    Raises:
        InvalidRequest: If the domain is unknown, or another process is building indexes.
        Unavailable: If PostgreSQL does not answer.
    """
    wanted = [state for state in index_status(database, domain) if state.vectors and _is_searched(state)]
    with database.transaction() as cursor:
        memory = server_memory(cursor)
    choose = partial(choose_index, memory=memory, method=method, precision=precision, first=first)
    specs = {state: choose(state.vectors, state.dimension, parts=state.parts) for state in wanted}
    chosen = {state: spec for state, spec in specs.items() if spec is not None}
    _build(database, chosen, memory, patient=False)
    return {state.domain: spec.why for state, spec in chosen.items()}


def why_nothing_was_built(states: Iterable[IndexState]) -> str:
    """Return why no index was built for these."""
    wide = [
        f"{state.domain} ({state.dimension:,})" for state in states if state.vectors and state.dimension > MAX_DIMENSION
    ]
    if wide:
        most = f"nothing built: an index holds at most {MAX_DIMENSION:,} dimensions, with --binary 64,000"
        return f"{most}: fewer than those of {', '.join(wide)}"
    return f"nothing to build below {MIN_VECTORS:,} vectors"


def maintain_indexes(database: Database) -> list[str]:
    """Build the due indexes and return the domains with new ones; safe to run at any time, also twice at once."""
    with database.transaction() as cursor:
        forget_missing(cursor)
        states, memory = index_states(cursor, exact=False), server_memory(cursor)
        rows = {state.domain: state.rows for state in states if state.active}
        due = [state for state in states if _is_searched(state) and _due(state, memory) is not None]
        complete = [state for state in due if _is_complete(cursor, state, rows[state.domain])]
        counted = [_counted(cursor, state) for state in complete]  # a build reads all of the vectors in any case
    specs = {state: spec for state in counted if state is not None and (spec := _due(state, memory)) is not None}
    return _build(database, specs, memory, patient=True)


def _is_complete(cursor: Cursor, state: IndexState, rows: int) -> bool:
    """Return whether the model has vectors of the domain's rows; others are being backfilled."""
    if state.active or not state.estimated:
        return state.rows >= rows
    return share_of_rows(cursor, state, rows=SAMPLED) >= COMPLETE


def _counted(cursor: Cursor, state: IndexState) -> IndexState | None:
    """Return the state with exact numbers; None if all its vectors have been deleted meanwhile."""
    if not state.estimated:
        return state
    return next((one for one in index_states(cursor, state.domain) if _key(one) == _key(state)), None)


def _key(state: IndexState) -> tuple[str, int]:
    return state.domain, state.model_id


def _is_searched(state: IndexState) -> bool:
    """Return whether searches use these vectors: where rows are joined, they use those of the joined passages."""
    return searched_name(state.domain) == state.domain


def _due(state: IndexState, memory: ServerMemory) -> IndexSpec | None:
    """Return the index to build; None during a first load, and while the present index fits."""
    if state.built is None:
        return None if state.loading else choose_index(state.vectors, state.dimension, memory, parts=state.parts)
    if state.built.method == "hnsw":
        return None
    grown = state.vectors / max(state.built.vectors, 1)
    if 1 / OUTGROWN < grown < OUTGROWN:
        return None
    built = state.built
    return choose_index(
        state.vectors,
        state.dimension,
        memory,
        precision=built.precision,
        first=built.dimensions,
        parts=state.parts,
    )


def _build(database: Database, specs: dict[IndexState, IndexSpec], memory: ServerMemory, *, patient: bool) -> list[str]:
    with maintenance(database) as cursor:
        if cursor is None:
            if patient:
                return []
            raise InvalidRequest("another process is building indexes: wait until it is done")
        for name in leftover_indexes(cursor):
            log.info("vector_index_dropped", index=name)
            drop_index(cursor, name)
        for state, spec in specs.items():
            _replace(cursor, state, spec, memory_bytes=memory.bytes // BUILD_SHARE)
    for state in specs:
        tune_indexes(database, state.domain)
    return sorted({state.domain for state in specs})


def _replace(cursor: Cursor, state: IndexState, spec: IndexSpec, *, memory_bytes: int) -> None:
    name = build_index(cursor, state, spec, memory_bytes=memory_bytes)
    record_index(cursor, state, name, method=spec.method, form=spec.form, lists=spec.lists)
    if state.built is not None:
        drop_index(cursor, state.built.name)
    log.info("vector_index_built", domain=state.domain, index=name, vectors=state.vectors, why=spec.why)


def tune_indexes(database: Database, domain: str | None = None, *, recall: float = 0.95) -> list[Tuned]:
    """Find for each index the least breadth whose mean recall@10 reaches ``recall``, and use it for searches.

    Raises:
        InvalidRequest: If the domain is unknown, or ``recall`` is not between 0 and 1.
    """
    if not 0 < recall <= 1:
        raise InvalidRequest(f"recall is {recall}: it must be above 0 and at most 1")
    states = [state for state in index_status(database, domain) if state.built is not None]
    return [tuned for state in states if (tuned := _tune(database, state, recall)) is not None]


def _tune(database: Database, state: IndexState, target: float) -> Tuned | None:
    with database.transaction() as cursor:
        queries = sample_queries(cursor, state, QUERIES)
        if not queries:
            return None
        breadth, found = choose_breadth(cursor, state, queries, target)
        record_recall(cursor, state, breadth=breadth, target=target, mean=found.mean, least=found.least)
    tuned = Tuned(state.domain, breadth, found, found.mean >= target)
    _report(tuned, target)
    return tuned


def choose_breadth(cursor: Cursor, state: IndexState, queries: list[RecallQuery], target: float) -> tuple[int, Recall]:
    """Return the least breadth whose mean reaches the target, or one not much larger with which no query is poor."""
    enough: list[tuple[int, Recall]] = []
    for breadth in _steps(state):
        found = measure_recall(cursor, state, queries, breadth=breadth)
        if found.mean < target:
            continue
        enough.append((breadth, found))
        if found.least >= LEAST:
            return breadth, found
        if breadth >= PATIENCE * enough[0][0]:
            break
    return settled(enough) if enough else (breadth, found)


def settled(measured: Sequence[tuple[int, Recall]]) -> tuple[int, Recall]:
    """Return the least of the breadths, in rising order, after which the mean hardly rises.

    A query whose neighbours are not linked to the rest of the graph is poor with every breadth; the others still gain.
    """
    best = max(recall.mean for _, recall in measured)
    return next((breadth, recall) for breadth, recall in measured if recall.mean >= best - HARDLY)


def _steps(state: IndexState) -> Iterator[int]:
    lists = state.built.lists if state.built is not None else None
    if lists is None:
        yield from EF_STEPS
        return
    probes = 1
    while probes < lists:
        yield probes
        probes = max(probes + 1, round(probes * 1.5))
    yield lists


def check_recall(database: Database, *, queries: int = 20) -> dict[str, Recall]:
    """Measure every index with its present breadth; log a warning for a domain below its target.

    The neighbours of up to `COMPARED` vectors are found by comparing all; those of more, by the index at its widest.
    Then the recall is at least as high as the true one, and it is recorded only if it is below the target.

    Returns:
        Recall@10 by domain, of the active models.
    """
    with database.transaction() as cursor:
        states = index_states(cursor, exact=False)
    found: dict[str, Recall] = {}
    for state in states:
        if state.built is not None and state.active:
            found |= _check(database, state, state.built, queries)
    return found


def _check(database: Database, state: IndexState, built: BuiltIndex, count: int) -> dict[str, Recall]:
    breadth, target, exact = built.breadth, built.target, max(state.vectors, built.vectors) <= COMPARED
    with database.transaction() as cursor:
        queries = sample_queries(cursor, state, count, exact=exact)
        if not queries:
            return {}
        found = measure_recall(cursor, state, queries, breadth=breadth, exact=exact)
        if exact or found.mean < target:
            record_recall(cursor, state, breadth=breadth, target=target, mean=found.mean, least=found.least)
    _report(Tuned(state.domain, breadth, found, found.mean >= target), target)
    return {state.domain: found}


def _report(tuned: Tuned, target: float) -> None:
    values = {"domain": tuned.domain, "mean": round(tuned.recall.mean, 4), "least": round(tuned.recall.least, 4)}
    if tuned.reached:
        log.info("recall_measured", breadth=tuned.breadth, **values)
        return
    advice = f"run `index tune --domain {tuned.domain}`; if that is not enough, `index build --domain {tuned.domain}`"
    log.warning("recall_below_target", target=target, advice=advice, **values)
