from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st

from pc_worker.wire import WirePassage, row_head, row_message, row_type_of
from pc_worker.wire.generated import embedding_stream_pb2 as pb
from pc_worker.wire.row import ROW_TYPES, varint
from tests.unit.domains.tables import RECRUIT_PAYLOAD
from tests.unit.hot_buffer.stock import stock_messages

ROW_ID = "0b6a1e3c-58f1-5b0e-9a57-0d5f1a2b3c4d"
VECTOR = np.arange(4, dtype="<f4")


def _recruit(payload: dict[str, Any]) -> bytes:
    head = row_head("recruit", row_id=ROW_ID, key="k", source="s", payload=payload)
    return row_message("recruit", head, [WirePassage(0, 0, VECTOR.tobytes())], "m@1")


def test_recruit_row_reads_field_by_field_through_stock_messages() -> None:
    row = stock_messages()["RecruitRow"].FromString(_recruit(RECRUIT_PAYLOAD))

    stock = {name: value for name, value in RECRUIT_PAYLOAD.items() if name in row.DESCRIPTOR.fields_by_name}
    assert {name: getattr(row, name) for name in stock} == stock
    assert len(stock) == 9
    assert row.id == ROW_ID
    assert list(row.skills_vector) == VECTOR.tolist()


def test_our_row_has_every_field_of_its_payload() -> None:
    row = pb.RecruitRow.FromString(_recruit(RECRUIT_PAYLOAD))

    assert {name: getattr(row, name) for name in RECRUIT_PAYLOAD} == RECRUIT_PAYLOAD


def test_null_and_zero_differ_for_our_clients_and_read_alike_for_stock_ones() -> None:
    null, zero = (
        _recruit({**RECRUIT_PAYLOAD, "experience_years": None}),
        _recruit({**RECRUIT_PAYLOAD, "experience_years": 0}),
    )

    assert not pb.RecruitRow.FromString(null).HasField("experience_years")
    assert pb.RecruitRow.FromString(zero).HasField("experience_years")
    assert [stock_messages()["RecruitRow"].FromString(row).experience_years for row in (null, zero)] == [0, 0]


def test_stock_row_leaves_unknown_payload_fields_behind() -> None:
    payload: dict[str, Any] = {"position_category": "QA", "experience_years": 2, "original_resume": "cv"}

    head = row_head("candidate", row_id=ROW_ID, key="k", source="s", payload={**payload, "looking_for": "work"})

    row = pb.CandidateRow.FromString(head)
    assert row.candidate_id == ROW_ID
    assert {name: getattr(row, name) for name in payload} == payload


def test_a_field_that_the_message_gains_is_filled_and_older_clients_skip_it(monkeypatch: pytest.MonkeyPatch) -> None:
    proto = descriptor_pb2.FileDescriptorProto()
    pb.DESCRIPTOR.CopyToProto(proto)
    message = next(found for found in proto.message_type if found.name == "RecruitRow")
    message.field.add(name="a_later_field", number=1_000, type=5, label=1, proto3_optional=False)
    pool = DescriptorPool()
    pool.Add(proto)
    later: Any = GetMessageClass(pool.FindMessageTypeByName(f"{proto.package}.RecruitRow"))
    monkeypatch.setitem(ROW_TYPES, "recruit", replace(ROW_TYPES["recruit"], row=later))

    row = _recruit({**RECRUIT_PAYLOAD, "a_later_field": 70_000})

    assert later.FromString(row).a_later_field == 70_000
    older = pb.RecruitRow.FromString(row)
    assert {name: getattr(older, name) for name in RECRUIT_PAYLOAD} == RECRUIT_PAYLOAD
    assert list(older.skills_vector) == VECTOR.tolist()


def test_skill_row_has_no_id_on_the_wire() -> None:
    head = row_head("skill_dic", row_id=ROW_ID, key="k", source="s", payload={"skill": "C", "position_category": "dev"})

    assert pb.SkillEmbeddingDicRow.FromString(head) == pb.SkillEmbeddingDicRow(skill="C", position_category="dev")


def test_document_row_equals_what_protobuf_itself_makes() -> None:
    payload = {"title": "ß", "n": None}
    passages = [WirePassage(0, 300, VECTOR.tobytes()), WirePassage(250, 70_000, VECTOR[::-1].tobytes())]

    head = row_head("document", row_id=ROW_ID, key="k", source="s.pkl", payload=payload)
    message = row_message("document", head, passages, "mini@1")

    row = pb.DocumentRow.FromString(message)
    assert json.loads(row.payload_json) == payload
    assert (row.id, row.key, row.source, row.model) == (ROW_ID, "k", "s.pkl", "mini@1")
    assert [(p.start, p.end, list(p.vector)) for p in row.passages] == [
        (0, 300, VECTOR.tolist()),
        (250, 70_000, VECTOR[::-1].tolist()),
    ]
    assert row.SerializeToString() == message


def test_a_stock_row_rejects_two_vectors() -> None:
    with pytest.raises(ValueError, match="one vector"):
        row_message("recruit", b"", [WirePassage(0, 0, b"")] * 2, "m@1")


@pytest.mark.parametrize(
    ("domain", "row_type"),
    [("recruit", "recruit"), ("candidate", "candidate"), ("skill_dic", "skill_dic"), ("law", "document")],
)
def test_only_stock_domains_have_row_types_of_their_own(domain: str, row_type: str) -> None:
    assert row_type_of(domain) == row_type


@given(st.integers(min_value=0, max_value=2**63 - 1))
def test_varint_is_protobufs(number: int) -> None:
    chunk = pb.RowChunk.FromString(b"\x78" + varint(number))
    assert list(chunk.positions) == [number]
