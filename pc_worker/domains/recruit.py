"""The domain ``recruit``: job posts whose source has a ready vector of their skills."""

from __future__ import annotations

from pc_worker.domains.cleaning.rules import positive_years, text, texts, timestamp
from pc_worker.domains.declaration.domain import Domain, Field, SourceVector

DOMAIN = Domain(
    name="recruit",
    row_type="recruit",
    key=("id",),
    key_field="id",
    fields=(
        Field("position", ("Position",), text, when_null="dead"),
        Field("company_name", ("Company Name",), text, when_null="dead"),
        Field("experience_years", ("Exp Years",), positive_years),
        Field("primary_keyword", ("Primary Keyword",), text),
        Field("english_level", ("English Level",), text),
        Field("published_at", ("Published",), timestamp),
        Field("skills", ("skills",), texts, when_null="skip"),
        Field("long_description", ("Long Description",), text, when_null="dead"),
        Field("description_lang", ("Long Description_lang",), text),
    ),
    vector=SourceVector("skills_vector", ("skill_vector", "skills_openai_vector"), dimension=1536),
    search=("position", "company_name", "primary_keyword", "skills", "long_description"),
)
