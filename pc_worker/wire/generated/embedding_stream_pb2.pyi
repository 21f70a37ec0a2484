from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StreamEmbeddingRequest(_message.Message):
    __slots__ = ("domain", "last_processed_uuid", "chunk_size", "after_position")
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    LAST_PROCESSED_UUID_FIELD_NUMBER: _ClassVar[int]
    CHUNK_SIZE_FIELD_NUMBER: _ClassVar[int]
    AFTER_POSITION_FIELD_NUMBER: _ClassVar[int]
    domain: str
    last_processed_uuid: str
    chunk_size: int
    after_position: int
    def __init__(self, domain: _Optional[str] = ..., last_processed_uuid: _Optional[str] = ..., chunk_size: _Optional[int] = ..., after_position: _Optional[int] = ...) -> None: ...

class RowChunk(_message.Message):
    __slots__ = ("recruit", "candidate", "skill_dic", "document", "row_ids", "positions")
    RECRUIT_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_FIELD_NUMBER: _ClassVar[int]
    SKILL_DIC_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    ROW_IDS_FIELD_NUMBER: _ClassVar[int]
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    recruit: RecruitRowChunk
    candidate: CandidateRowChunk
    skill_dic: SkillEmbeddingDicRowChunk
    document: DocumentRowChunk
    row_ids: _containers.RepeatedScalarFieldContainer[str]
    positions: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, recruit: _Optional[_Union[RecruitRowChunk, _Mapping]] = ..., candidate: _Optional[_Union[CandidateRowChunk, _Mapping]] = ..., skill_dic: _Optional[_Union[SkillEmbeddingDicRowChunk, _Mapping]] = ..., document: _Optional[_Union[DocumentRowChunk, _Mapping]] = ..., row_ids: _Optional[_Iterable[str]] = ..., positions: _Optional[_Iterable[int]] = ...) -> None: ...

class RecruitRowChunk(_message.Message):
    __slots__ = ("rows",)
    ROWS_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[RecruitRow]
    def __init__(self, rows: _Optional[_Iterable[_Union[RecruitRow, _Mapping]]] = ...) -> None: ...

class RecruitRow(_message.Message):
    __slots__ = ("id", "position", "company_name", "experience_years", "primary_keyword", "english_level", "published_at", "skills", "long_description", "description_lang", "skills_vector")
    ID_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    COMPANY_NAME_FIELD_NUMBER: _ClassVar[int]
    EXPERIENCE_YEARS_FIELD_NUMBER: _ClassVar[int]
    PRIMARY_KEYWORD_FIELD_NUMBER: _ClassVar[int]
    ENGLISH_LEVEL_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_AT_FIELD_NUMBER: _ClassVar[int]
    SKILLS_FIELD_NUMBER: _ClassVar[int]
    LONG_DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_LANG_FIELD_NUMBER: _ClassVar[int]
    SKILLS_VECTOR_FIELD_NUMBER: _ClassVar[int]
    id: str
    position: str
    company_name: str
    experience_years: int
    primary_keyword: str
    english_level: str
    published_at: str
    skills: _containers.RepeatedScalarFieldContainer[str]
    long_description: str
    description_lang: str
    skills_vector: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, id: _Optional[str] = ..., position: _Optional[str] = ..., company_name: _Optional[str] = ..., experience_years: _Optional[int] = ..., primary_keyword: _Optional[str] = ..., english_level: _Optional[str] = ..., published_at: _Optional[str] = ..., skills: _Optional[_Iterable[str]] = ..., long_description: _Optional[str] = ..., description_lang: _Optional[str] = ..., skills_vector: _Optional[_Iterable[float]] = ...) -> None: ...

class CandidateRowChunk(_message.Message):
    __slots__ = ("rows",)
    ROWS_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[CandidateRow]
    def __init__(self, rows: _Optional[_Iterable[_Union[CandidateRow, _Mapping]]] = ...) -> None: ...

class CandidateRow(_message.Message):
    __slots__ = ("candidate_id", "position_category", "experience_years", "original_resume", "skills", "skills_vector")
    CANDIDATE_ID_FIELD_NUMBER: _ClassVar[int]
    POSITION_CATEGORY_FIELD_NUMBER: _ClassVar[int]
    EXPERIENCE_YEARS_FIELD_NUMBER: _ClassVar[int]
    ORIGINAL_RESUME_FIELD_NUMBER: _ClassVar[int]
    SKILLS_FIELD_NUMBER: _ClassVar[int]
    SKILLS_VECTOR_FIELD_NUMBER: _ClassVar[int]
    candidate_id: str
    position_category: str
    experience_years: int
    original_resume: str
    skills: _containers.RepeatedScalarFieldContainer[str]
    skills_vector: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, candidate_id: _Optional[str] = ..., position_category: _Optional[str] = ..., experience_years: _Optional[int] = ..., original_resume: _Optional[str] = ..., skills: _Optional[_Iterable[str]] = ..., skills_vector: _Optional[_Iterable[float]] = ...) -> None: ...

class SkillEmbeddingDicRowChunk(_message.Message):
    __slots__ = ("rows",)
    ROWS_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[SkillEmbeddingDicRow]
    def __init__(self, rows: _Optional[_Iterable[_Union[SkillEmbeddingDicRow, _Mapping]]] = ...) -> None: ...

class SkillEmbeddingDicRow(_message.Message):
    __slots__ = ("skill", "position_category", "skill_vector")
    SKILL_FIELD_NUMBER: _ClassVar[int]
    POSITION_CATEGORY_FIELD_NUMBER: _ClassVar[int]
    SKILL_VECTOR_FIELD_NUMBER: _ClassVar[int]
    skill: str
    position_category: str
    skill_vector: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, skill: _Optional[str] = ..., position_category: _Optional[str] = ..., skill_vector: _Optional[_Iterable[float]] = ...) -> None: ...

class DocumentRowChunk(_message.Message):
    __slots__ = ("rows",)
    ROWS_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[DocumentRow]
    def __init__(self, rows: _Optional[_Iterable[_Union[DocumentRow, _Mapping]]] = ...) -> None: ...

class DocumentRow(_message.Message):
    __slots__ = ("id", "key", "source", "payload_json", "passages", "model")
    ID_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_JSON_FIELD_NUMBER: _ClassVar[int]
    PASSAGES_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    id: str
    key: str
    source: str
    payload_json: str
    passages: _containers.RepeatedCompositeFieldContainer[Passage]
    model: str
    def __init__(self, id: _Optional[str] = ..., key: _Optional[str] = ..., source: _Optional[str] = ..., payload_json: _Optional[str] = ..., passages: _Optional[_Iterable[_Union[Passage, _Mapping]]] = ..., model: _Optional[str] = ...) -> None: ...

class Passage(_message.Message):
    __slots__ = ("start", "end", "vector")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    start: int
    end: int
    vector: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, start: _Optional[int] = ..., end: _Optional[int] = ..., vector: _Optional[_Iterable[float]] = ...) -> None: ...

class IngestDataRequest(_message.Message):
    __slots__ = ("metadata", "data_chunk")
    METADATA_FIELD_NUMBER: _ClassVar[int]
    DATA_CHUNK_FIELD_NUMBER: _ClassVar[int]
    metadata: IngestMetadata
    data_chunk: bytes
    def __init__(self, metadata: _Optional[_Union[IngestMetadata, _Mapping]] = ..., data_chunk: _Optional[bytes] = ...) -> None: ...

class IngestMetadata(_message.Message):
    __slots__ = ("domain", "file_name", "vector_dimension")
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    VECTOR_DIMENSION_FIELD_NUMBER: _ClassVar[int]
    domain: str
    file_name: str
    vector_dimension: int
    def __init__(self, domain: _Optional[str] = ..., file_name: _Optional[str] = ..., vector_dimension: _Optional[int] = ...) -> None: ...

class IngestDataResponse(_message.Message):
    __slots__ = ("success", "received_chunks", "message")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_CHUNKS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    success: bool
    received_chunks: int
    message: str
    def __init__(self, success: _Optional[bool] = ..., received_chunks: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...

class SearchRequest(_message.Message):
    __slots__ = ("query", "domain", "k", "mode", "where", "like", "offset", "min_score", "weights", "feedback", "rerank", "explain", "filter")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    K_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    WHERE_FIELD_NUMBER: _ClassVar[int]
    LIKE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    MIN_SCORE_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    RERANK_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    query: str
    domain: str
    k: int
    mode: str
    where: _containers.RepeatedScalarFieldContainer[str]
    like: str
    offset: int
    min_score: float
    weights: SearchWeights
    feedback: bool
    rerank: bool
    explain: bool
    filter: SearchFilter
    def __init__(self, query: _Optional[str] = ..., domain: _Optional[str] = ..., k: _Optional[int] = ..., mode: _Optional[str] = ..., where: _Optional[_Iterable[str]] = ..., like: _Optional[str] = ..., offset: _Optional[int] = ..., min_score: _Optional[float] = ..., weights: _Optional[_Union[SearchWeights, _Mapping]] = ..., feedback: _Optional[bool] = ..., rerank: _Optional[bool] = ..., explain: _Optional[bool] = ..., filter: _Optional[_Union[SearchFilter, _Mapping]] = ...) -> None: ...

class SearchWeights(_message.Message):
    __slots__ = ("vector", "text")
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    vector: float
    text: float
    def __init__(self, vector: _Optional[float] = ..., text: _Optional[float] = ...) -> None: ...

class SearchFilter(_message.Message):
    __slots__ = ("text", "condition")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    AND_FIELD_NUMBER: _ClassVar[int]
    OR_FIELD_NUMBER: _ClassVar[int]
    NOT_FIELD_NUMBER: _ClassVar[int]
    text: str
    condition: SearchCondition
    def __init__(self, text: _Optional[str] = ..., condition: _Optional[_Union[SearchCondition, _Mapping]] = ..., **kwargs) -> None: ...

class SearchFilters(_message.Message):
    __slots__ = ("filters",)
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    filters: _containers.RepeatedCompositeFieldContainer[SearchFilter]
    def __init__(self, filters: _Optional[_Iterable[_Union[SearchFilter, _Mapping]]] = ...) -> None: ...

class SearchCondition(_message.Message):
    __slots__ = ("field", "op", "values")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    OP_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    field: str
    op: str
    values: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, field: _Optional[str] = ..., op: _Optional[str] = ..., values: _Optional[_Iterable[str]] = ...) -> None: ...

class SearchResponse(_message.Message):
    __slots__ = ("query", "domain", "mode", "took_ms", "hits", "rerank")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    TOOK_MS_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    RERANK_FIELD_NUMBER: _ClassVar[int]
    query: str
    domain: str
    mode: str
    took_ms: float
    hits: _containers.RepeatedCompositeFieldContainer[SearchHit]
    rerank: SearchReranking
    def __init__(self, query: _Optional[str] = ..., domain: _Optional[str] = ..., mode: _Optional[str] = ..., took_ms: _Optional[float] = ..., hits: _Optional[_Iterable[_Union[SearchHit, _Mapping]]] = ..., rerank: _Optional[_Union[SearchReranking, _Mapping]] = ...) -> None: ...

class SearchReranking(_message.Message):
    __slots__ = ("applied", "model", "reason")
    APPLIED_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    applied: bool
    model: str
    reason: str
    def __init__(self, applied: _Optional[bool] = ..., model: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class SearchHit(_message.Message):
    __slots__ = ("id", "score", "vector_score", "text_score", "payload_json", "passage", "explain_json")
    ID_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    VECTOR_SCORE_FIELD_NUMBER: _ClassVar[int]
    TEXT_SCORE_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_JSON_FIELD_NUMBER: _ClassVar[int]
    PASSAGE_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_JSON_FIELD_NUMBER: _ClassVar[int]
    id: str
    score: float
    vector_score: float
    text_score: float
    payload_json: str
    passage: SearchPassage
    explain_json: str
    def __init__(self, id: _Optional[str] = ..., score: _Optional[float] = ..., vector_score: _Optional[float] = ..., text_score: _Optional[float] = ..., payload_json: _Optional[str] = ..., passage: _Optional[_Union[SearchPassage, _Mapping]] = ..., explain_json: _Optional[str] = ...) -> None: ...

class SearchPassage(_message.Message):
    __slots__ = ("text", "start", "end", "joined_json")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    JOINED_JSON_FIELD_NUMBER: _ClassVar[int]
    text: str
    start: int
    end: int
    joined_json: str
    def __init__(self, text: _Optional[str] = ..., start: _Optional[int] = ..., end: _Optional[int] = ..., joined_json: _Optional[str] = ...) -> None: ...

class ConsumeRequest(_message.Message):
    __slots__ = ("open", "credit", "ack", "nack")
    OPEN_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    NACK_FIELD_NUMBER: _ClassVar[int]
    open: ConsumeOpen
    credit: ConsumeCredit
    ack: ConsumeAck
    nack: ConsumeNack
    def __init__(self, open: _Optional[_Union[ConsumeOpen, _Mapping]] = ..., credit: _Optional[_Union[ConsumeCredit, _Mapping]] = ..., ack: _Optional[_Union[ConsumeAck, _Mapping]] = ..., nack: _Optional[_Union[ConsumeNack, _Mapping]] = ...) -> None: ...

class ConsumeOpen(_message.Message):
    __slots__ = ("domain", "subscription", "after_position", "after_uuid", "at", "chunk_rows", "frame_bytes", "credit", "refuse_if_held", "heartbeat_s", "ack_deadline_s", "nacks", "first_at", "where", "shard")
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    AFTER_POSITION_FIELD_NUMBER: _ClassVar[int]
    AFTER_UUID_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    CHUNK_ROWS_FIELD_NUMBER: _ClassVar[int]
    FRAME_BYTES_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    REFUSE_IF_HELD_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_S_FIELD_NUMBER: _ClassVar[int]
    ACK_DEADLINE_S_FIELD_NUMBER: _ClassVar[int]
    NACKS_FIELD_NUMBER: _ClassVar[int]
    FIRST_AT_FIELD_NUMBER: _ClassVar[int]
    WHERE_FIELD_NUMBER: _ClassVar[int]
    SHARD_FIELD_NUMBER: _ClassVar[int]
    domain: str
    subscription: str
    after_position: int
    after_uuid: str
    at: str
    chunk_rows: int
    frame_bytes: int
    credit: ConsumeCredit
    refuse_if_held: bool
    heartbeat_s: int
    ack_deadline_s: int
    nacks: ConsumeNacks
    first_at: str
    where: _containers.RepeatedScalarFieldContainer[str]
    shard: ConsumeShard
    def __init__(self, domain: _Optional[str] = ..., subscription: _Optional[str] = ..., after_position: _Optional[int] = ..., after_uuid: _Optional[str] = ..., at: _Optional[str] = ..., chunk_rows: _Optional[int] = ..., frame_bytes: _Optional[int] = ..., credit: _Optional[_Union[ConsumeCredit, _Mapping]] = ..., refuse_if_held: _Optional[bool] = ..., heartbeat_s: _Optional[int] = ..., ack_deadline_s: _Optional[int] = ..., nacks: _Optional[_Union[ConsumeNacks, _Mapping]] = ..., first_at: _Optional[str] = ..., where: _Optional[_Iterable[str]] = ..., shard: _Optional[_Union[ConsumeShard, _Mapping]] = ...) -> None: ...

class ConsumeNacks(_message.Message):
    __slots__ = ("max_deliveries", "first_delay_ms")
    MAX_DELIVERIES_FIELD_NUMBER: _ClassVar[int]
    FIRST_DELAY_MS_FIELD_NUMBER: _ClassVar[int]
    max_deliveries: int
    first_delay_ms: int
    def __init__(self, max_deliveries: _Optional[int] = ..., first_delay_ms: _Optional[int] = ...) -> None: ...

class ConsumeShard(_message.Message):
    __slots__ = ("index", "count")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    index: int
    count: int
    def __init__(self, index: _Optional[int] = ..., count: _Optional[int] = ...) -> None: ...

class ConsumeCredit(_message.Message):
    __slots__ = ("chunks", "bytes")
    CHUNKS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    chunks: int
    bytes: int
    def __init__(self, chunks: _Optional[int] = ..., bytes: _Optional[int] = ...) -> None: ...

class ConsumeAck(_message.Message):
    __slots__ = ("position", "redelivered")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    REDELIVERED_FIELD_NUMBER: _ClassVar[int]
    position: int
    redelivered: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, position: _Optional[int] = ..., redelivered: _Optional[_Iterable[int]] = ...) -> None: ...

class ConsumeNack(_message.Message):
    __slots__ = ("position", "reason")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    position: int
    reason: str
    def __init__(self, position: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class ConsumeResponse(_message.Message):
    __slots__ = ("opened", "chunk", "end_of_log", "heartbeat", "closing", "redelivered", "nacked", "progress")
    OPENED_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    END_OF_LOG_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    CLOSING_FIELD_NUMBER: _ClassVar[int]
    REDELIVERED_FIELD_NUMBER: _ClassVar[int]
    NACKED_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    opened: ConsumeOpened
    chunk: ConsumeChunk
    end_of_log: ConsumeEndOfLog
    heartbeat: ConsumeHeartbeat
    closing: ConsumeClosing
    redelivered: ConsumeRedelivered
    nacked: ConsumeNacked
    progress: ConsumeProgress
    def __init__(self, opened: _Optional[_Union[ConsumeOpened, _Mapping]] = ..., chunk: _Optional[_Union[ConsumeChunk, _Mapping]] = ..., end_of_log: _Optional[_Union[ConsumeEndOfLog, _Mapping]] = ..., heartbeat: _Optional[_Union[ConsumeHeartbeat, _Mapping]] = ..., closing: _Optional[_Union[ConsumeClosing, _Mapping]] = ..., redelivered: _Optional[_Union[ConsumeRedelivered, _Mapping]] = ..., nacked: _Optional[_Union[ConsumeNacked, _Mapping]] = ..., progress: _Optional[_Union[ConsumeProgress, _Mapping]] = ...) -> None: ...

class ConsumeOpened(_message.Message):
    __slots__ = ("position", "head", "epoch", "model", "chunk_rows", "frame_bytes", "heartbeat_s", "ack_deadline_s", "max_deliveries", "created")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CHUNK_ROWS_FIELD_NUMBER: _ClassVar[int]
    FRAME_BYTES_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_S_FIELD_NUMBER: _ClassVar[int]
    ACK_DEADLINE_S_FIELD_NUMBER: _ClassVar[int]
    MAX_DELIVERIES_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    position: int
    head: int
    epoch: str
    model: str
    chunk_rows: int
    frame_bytes: int
    heartbeat_s: int
    ack_deadline_s: int
    max_deliveries: int
    created: bool
    def __init__(self, position: _Optional[int] = ..., head: _Optional[int] = ..., epoch: _Optional[str] = ..., model: _Optional[str] = ..., chunk_rows: _Optional[int] = ..., frame_bytes: _Optional[int] = ..., heartbeat_s: _Optional[int] = ..., ack_deadline_s: _Optional[int] = ..., max_deliveries: _Optional[int] = ..., created: _Optional[bool] = ...) -> None: ...

class ConsumeChunk(_message.Message):
    __slots__ = ("after_position", "position", "rows", "tombstones", "model", "epoch", "job_ids", "deliveries")
    AFTER_POSITION_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    TOMBSTONES_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    JOB_IDS_FIELD_NUMBER: _ClassVar[int]
    DELIVERIES_FIELD_NUMBER: _ClassVar[int]
    after_position: int
    position: int
    rows: RowChunk
    tombstones: _containers.RepeatedCompositeFieldContainer[ConsumeTombstone]
    model: str
    epoch: str
    job_ids: _containers.RepeatedScalarFieldContainer[str]
    deliveries: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, after_position: _Optional[int] = ..., position: _Optional[int] = ..., rows: _Optional[_Union[RowChunk, _Mapping]] = ..., tombstones: _Optional[_Iterable[_Union[ConsumeTombstone, _Mapping]]] = ..., model: _Optional[str] = ..., epoch: _Optional[str] = ..., job_ids: _Optional[_Iterable[str]] = ..., deliveries: _Optional[_Iterable[int]] = ...) -> None: ...

class ConsumeRedelivered(_message.Message):
    __slots__ = ("rows", "deliveries", "model", "epoch")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    DELIVERIES_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    rows: RowChunk
    deliveries: _containers.RepeatedScalarFieldContainer[int]
    model: str
    epoch: str
    def __init__(self, rows: _Optional[_Union[RowChunk, _Mapping]] = ..., deliveries: _Optional[_Iterable[int]] = ..., model: _Optional[str] = ..., epoch: _Optional[str] = ...) -> None: ...

class ConsumeNacked(_message.Message):
    __slots__ = ("positions",)
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    positions: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, positions: _Optional[_Iterable[int]] = ...) -> None: ...

class ConsumeTombstone(_message.Message):
    __slots__ = ("row_id", "position")
    ROW_ID_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    row_id: str
    position: int
    def __init__(self, row_id: _Optional[str] = ..., position: _Optional[int] = ...) -> None: ...

class ConsumeEndOfLog(_message.Message):
    __slots__ = ("position", "rows", "tombstones", "chunks", "checksum")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    TOMBSTONES_FIELD_NUMBER: _ClassVar[int]
    CHUNKS_FIELD_NUMBER: _ClassVar[int]
    CHECKSUM_FIELD_NUMBER: _ClassVar[int]
    position: int
    rows: int
    tombstones: int
    chunks: int
    checksum: int
    def __init__(self, position: _Optional[int] = ..., rows: _Optional[int] = ..., tombstones: _Optional[int] = ..., chunks: _Optional[int] = ..., checksum: _Optional[int] = ...) -> None: ...

class ConsumeHeartbeat(_message.Message):
    __slots__ = ("head", "position", "acked_position", "credit_chunks", "credit_bytes", "needed_bytes")
    HEAD_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    ACKED_POSITION_FIELD_NUMBER: _ClassVar[int]
    CREDIT_CHUNKS_FIELD_NUMBER: _ClassVar[int]
    CREDIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    NEEDED_BYTES_FIELD_NUMBER: _ClassVar[int]
    head: int
    position: int
    acked_position: int
    credit_chunks: int
    credit_bytes: int
    needed_bytes: int
    def __init__(self, head: _Optional[int] = ..., position: _Optional[int] = ..., acked_position: _Optional[int] = ..., credit_chunks: _Optional[int] = ..., credit_bytes: _Optional[int] = ..., needed_bytes: _Optional[int] = ...) -> None: ...

class ConsumeProgress(_message.Message):
    __slots__ = ("after_position", "position")
    AFTER_POSITION_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    after_position: int
    position: int
    def __init__(self, after_position: _Optional[int] = ..., position: _Optional[int] = ...) -> None: ...

class ConsumeClosing(_message.Message):
    __slots__ = ("resume_after",)
    RESUME_AFTER_FIELD_NUMBER: _ClassVar[int]
    resume_after: int
    def __init__(self, resume_after: _Optional[int] = ...) -> None: ...
