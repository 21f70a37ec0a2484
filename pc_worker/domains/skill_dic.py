"""The domain ``skill_dic``: the dictionary of skills, each with its category and a ready vector."""

from __future__ import annotations

from pc_worker.domains.cleaning.rules import filled_text
from pc_worker.domains.declaration.domain import Domain, Field, SourceVector

DOMAIN = Domain(
    name="skill_dic",
    row_type="skill_dic",
    key=("name", "skill"),
    key_field="skill",
    fields=(Field("position_category", ("category", "position_category"), filled_text, when_null="dead"),),
    vector=SourceVector("skill_vector", ("skill_set_openai_vector", "skill_vector", "vector"), dimension=1536),
    search=("skill", "position_category"),
)
