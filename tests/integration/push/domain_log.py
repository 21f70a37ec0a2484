"""Filling the logs of the stock domains the way a chunk does, with rows made up from a number."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import numpy as np

from pc_worker.model import Job, LogBatch, Model, PassageVector, RowWrite
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.store.ledger import jobs
from pc_worker.store.log import append
from pc_worker.store.models import registry
from pc_worker.store.rows import merge
from pc_worker.store.search.terms import row_terms
from tests.support.batch_tables import Row, Tables

DIMENSION = 1536


def row_id(domain: str, number: int) -> UUID:
    return uuid5(NAMESPACE_URL, f"{domain}/{number}")


def a_vector(number: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(number).standard_normal(DIMENSION).astype(np.float32)


def payload_of(domain: str, number: int) -> dict[str, Any]:
    key = str(row_id(domain, number))
    if domain == "recruit":
        return {
            "id": key,
            "position": f"개발자 {number}",
            "company_name": 'Acme "Labs" \\ 한빛',
            "experience_years": number % 5 or None,
            "primary_keyword": None if number % 7 == 0 else "Python",
            "english_level": None,
            "published_at": None if number % 3 == 0 else "2021-07-01T00:00:00+03:00",
            "skills": ["python", f"skill {number}"],
            "long_description": "Line one.\nLine two. 🚀",
            "description_lang": "en",
        }
    if domain == "candidate":
        return {
            "candidate_id": key,
            "position_category": "Java",
            "experience_years": None if number % 4 == 0 else number % 4 - 1,
            "original_resume": f"Résumé {number}",
            "skills": ["java"],
            "resume_lang": "en",
            "moreinfo": None if number % 2 else "more",
            "looking_for": None,
        }
    return {"skill": f"skill {number}", "position_category": f"category {number % 3}"}


@dataclass
class DomainLog:
    """One domain's log; remembers the present payload of each row by its number."""

    database: Database
    domain: str
    dimension: int = DIMENSION
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)

    def write(self, numbers: Iterable[int], **changes: Any) -> LogBatch:
        """Commit rows as one job's chunk; ``changes`` go into the payload of each."""
        wanted = {number: payload_of(self.domain, number) | changes for number in numbers}

        def work(cursor: Cursor) -> LogBatch | None:
            job = self._job(cursor)
            ids = [row_id(self.domain, number) for number in wanted]
            stored = merge.read_stored(cursor, domain=self.domain, model_id=job.model_id or 0, ids=ids, lock=True)
            writes = [self._row(number, payload) for number, payload in wanted.items()]
            merge.upsert_rows(
                cursor, origin=job.row_origin("s"), rows=writes, fresh={i for i in ids if i not in stored}
            )
            return append.append_log(cursor, domain=self.domain, ids=ids, job_id=job.job_id, model_id=job.model_id or 0)

        log_batch = self.database.repeat(work)
        assert log_batch is not None
        self.rows |= wanted
        return log_batch

    def forget(self, numbers: Iterable[int]) -> None:
        """Remove rows and log tombstones."""
        ids = [row_id(self.domain, number) for number in numbers]
        with self.database.transaction() as cursor:
            model = self._model(cursor)
            cursor.execute(
                "DELETE FROM rows WHERE domain = %s AND row_id = ANY (%s::uuid[])", (self.domain, list(map(str, ids)))
            )
            append.append_log(
                cursor, domain=self.domain, ids=ids, job_id=None, model_id=model.model_id, tombstones=True
            )
        for number in numbers:
            del self.rows[number]

    def _model(self, cursor: Cursor) -> Model:
        model = registry.register_model(
            cursor,
            name=f"source:{self.domain}",
            revision="as delivered",
            dimension=self.dimension,
            normalised=False,
            encodable=False,
        )
        registry.ensure_domain(cursor, self.domain, model)
        return model

    def _job(self, cursor: Cursor) -> Job:
        model, job_id = self._model(cursor), f"job-{self.domain}"
        jobs.create_job(cursor, job_id=job_id, domain=self.domain, source="/f", request={}, max_dead=0)
        jobs.start_job(cursor, job_id)
        jobs.record_split(cursor, job_id, plan={}, fingerprint={}, model_id=model.model_id, rows_total=1, chunks=[])
        return jobs.find_job(cursor, job_id)

    def _row(self, number: int, payload: dict[str, Any]) -> RowWrite:
        text = json.dumps(payload, ensure_ascii=False)
        return RowWrite(
            row_no=number,
            row_id=row_id(self.domain, number),
            key=str(number),
            payload_json=text,
            text=None,
            content_hash=text.encode(),
            wire=b"",
            terms=row_terms(self.domain, str(number), payload),
            passages=(PassageVector(0, 0, None, a_vector(number)[: self.dimension]),),
        )


def assert_stored(tables: Tables, log: DomainLog, *, except_for: Iterable[int] = ()) -> None:
    """Check that the server's tables have exactly the log's rows, except those that it does not accept."""
    missing = set(except_for)
    expected = {number: payload for number, payload in log.rows.items() if number not in missing}
    found = STORED[log.domain](tables)
    key = {"recruit": "id", "candidate": "candidate_id", "skill_dic": "skill"}[log.domain]
    assert {payload[key] for payload in expected.values()} == set(found)
    for number, payload in expected.items():
        row = dict(found[payload[key]])
        vector = row.pop("skill_vector" if log.domain == "skill_dic" else "skills_vector")
        assert np.array_equal(vector, a_vector(number)), "the very float32 values arrive"
        assert row == {name: value for name, value in payload.items() if name != key}


def _recruits(tables: Tables) -> dict[str, Row]:
    assert tables.recruit_skill == {(k, s) for k, row in tables.recruit_skills_embedding.items() for s in row["skills"]}
    return {
        key: row | tables.recruit_description[key] | tables.recruit_skills_embedding[key]
        for key, row in tables.recruit.items()
    }


def _candidates(tables: Tables) -> dict[str, Row]:
    return {
        key: row | tables.candidate_description[key] | tables.candidate_skills_embedding[key]
        for key, row in tables.candidate.items()
    }


STORED: dict[str, Callable[[Tables], dict[str, Row]]] = {
    "recruit": _recruits,
    "candidate": _candidates,
    "skill_dic": lambda tables: tables.skill_embedding_dic,
}
