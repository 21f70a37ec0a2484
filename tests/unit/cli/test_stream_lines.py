"""The lines of `stream`: every field by its wire name, and vectors exactly, as numbers or as base64."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest

from pc_worker.cli.commands.stream import as_base64, as_numbers, row_line
from pc_worker.wire.generated import embedding_stream_pb2 as pb

VECTOR = np.array([0.1, -1e-30, 3.4e38, 1.17549435e-38, 0.0, 1 / 3], dtype=np.float32)


def decoded(written: object) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    if isinstance(written, str):
        return np.frombuffer(base64.b64decode(written), dtype="<f4")
    return np.array(written, dtype=np.float32)


@pytest.mark.parametrize("vectors", [as_numbers, as_base64])
def test_a_recruit_keeps_its_fields_next_to_the_logs_position(vectors: object) -> None:
    row = pb.RecruitRow(id="a", position="Köchin\x9b", skills=["x", 'y"'], skills_vector=VECTOR.tolist())

    line = row_line(row, vectors=vectors, position=7)  # type: ignore[arg-type]

    found = json.loads(line)
    assert (found["id"], found["position.1"], found["position"]) == ("a", "Köchin\x9b", 7)
    assert found["skills"] == ["x", 'y"']
    assert found.keys() - {"position.1"} == {field.name for field in row.DESCRIPTOR.fields}
    assert decoded(found["skills_vector"]).tobytes() == VECTOR.tobytes()
    assert "\x9b" not in line
    assert "\n" not in line


@pytest.mark.parametrize("vectors", [as_numbers, as_base64])
def test_a_document_has_its_passages(vectors: object) -> None:
    passages = [pb.Passage(start=0, end=4, vector=VECTOR.tolist()), pb.Passage(start=4, end=9)]
    row = pb.DocumentRow(id="a", payload_json='{"k": 1}', passages=passages)

    found = json.loads(row_line(row, vectors=vectors, position=0))  # type: ignore[arg-type]

    assert [(part["start"], part["end"]) for part in found["passages"]] == [(0, 4), (4, 9)]
    assert decoded(found["passages"][0]["vector"]).tobytes() == VECTOR.tobytes()
    assert len(found["passages"][1]["vector"]) == 0
    assert json.loads(found["payload_json"]) == {"k": 1}
