"""The domain ``transcript``: utterances of meetings, embedded here; its passages join neighbouring utterances."""

from __future__ import annotations

from pc_worker.domains.cleaning.rules import label, text, time_point
from pc_worker.domains.declaration.domain import Domain, Field
from pc_worker.domains.declaration.join import Join

DOMAIN = Domain(
    name="transcript",
    key=("id", "utterance_id"),
    key_fields=("meeting", "start", "speaker"),
    fields=(
        Field("meeting", ("meeting", "meeting_id"), label, when_null="dead"),
        Field("speaker", ("speaker", "speaker_name"), label),
        Field("start", ("start", "start_time"), time_point, when_null="dead"),
        Field("end", ("end", "end_time"), time_point),
        Field("text", ("text", "utterance"), text, when_null="skip"),
    ),
    text=("text",),
    search=("text", "speaker", "meeting"),
    join=Join(group=("meeting",), order=("start", "end"), speaker="speaker", begins="start", ends="end"),
)
