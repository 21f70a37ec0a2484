"""The stock batch server's messages, built from the published field table alone: independent of our proto file."""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "com.alpha.backend.grpc"
TYPES = {
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    "int32": descriptor_pb2.FieldDescriptorProto.TYPE_INT32,
    "float": descriptor_pb2.FieldDescriptorProto.TYPE_FLOAT,
}
#: message → fields as (number, name, type); "*" marks repeated, a capital a message.
TABLE = {
    "StreamEmbeddingRequest": [
        (1, "domain", "string"),
        (2, "last_processed_uuid", "string?"),
        (3, "chunk_size", "int32?"),
    ],
    "RecruitRow": [
        (1, "id", "string"),
        (2, "position", "string"),
        (3, "company_name", "string"),
        (4, "experience_years", "int32"),
        (5, "primary_keyword", "string"),
        (6, "english_level", "string"),
        (7, "published_at", "string"),
        (8, "skills", "string*"),
        (9, "long_description", "string"),
        (10, "description_lang", "string"),
        (11, "skills_vector", "float*"),
    ],
    "CandidateRow": [
        (1, "candidate_id", "string"),
        (2, "position_category", "string"),
        (3, "experience_years", "int32"),
        (4, "original_resume", "string"),
        (5, "skills", "string*"),
        (6, "skills_vector", "float*"),
    ],
    "SkillEmbeddingDicRow": [(1, "skill", "string"), (2, "position_category", "string"), (3, "skill_vector", "float*")],
    "RecruitRowChunk": [(1, "rows", "RecruitRow*")],
    "CandidateRowChunk": [(1, "rows", "CandidateRow*")],
    "SkillEmbeddingDicRowChunk": [(1, "rows", "SkillEmbeddingDicRow*")],
    "RowChunk": [
        (1, "recruit", "RecruitRowChunk|"),
        (2, "candidate", "CandidateRowChunk|"),
        (3, "skill_dic", "SkillEmbeddingDicRowChunk|"),
    ],
}


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="stock.proto", package=PACKAGE, syntax="proto3")
    for name, fields in TABLE.items():
        message = file.message_type.add(name=name)
        for number, field_name, kind in fields:
            _add(message, number, field_name, kind)
    return file


def _add(message: descriptor_pb2.DescriptorProto, number: int, name: str, kind: str) -> None:
    field = message.field.add(name=name, number=number, label=descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL)
    bare = kind.rstrip("*?|")
    if bare in TYPES:
        field.type = TYPES[bare]
    else:
        field.type, field.type_name = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE, f".{PACKAGE}.{bare}"
    if kind.endswith("*"):
        field.label = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
    if kind.endswith(("?", "|")):
        field.proto3_optional = kind.endswith("?")
        field.oneof_index = len(message.oneof_decl)
        shared = "chunk_data" if kind.endswith("|") else f"_{name}"
        if shared in [oneof.name for oneof in message.oneof_decl]:
            field.oneof_index -= 1
        else:
            message.oneof_decl.add(name=shared)


def stock_messages() -> dict[str, Any]:
    """Return message classes by name, from a separate descriptor pool."""
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_file())
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in TABLE}
