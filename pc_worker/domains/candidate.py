"""The domain ``candidate``: résumés whose source has a ready vector of their skills."""

from __future__ import annotations

from pc_worker.domains.cleaning.rules import rounded_years, text, texts
from pc_worker.domains.declaration.domain import Domain, Field, SourceVector

DOMAIN = Domain(
    name="candidate",
    row_type="candidate",
    key=("id",),
    key_field="candidate_id",
    fields=(
        Field("position_category", ("Primary Keyword",), text, default="Unknown"),
        Field("experience_years", ("Experience Years",), rounded_years),
        Field("original_resume", ("CV",), text, when_null="dead"),
        Field("skills", ("skills",), texts, when_null="skip"),
        # The stock wire has no fields for these three; search and our own clients use them.
        Field("resume_lang", ("CV_lang",), text),
        Field("moreinfo", ("Moreinfo",), text),
        Field("looking_for", ("Looking For",), text),
    ),
    vector=SourceVector("skills_vector", ("skill_vector", "skills_openai_vector"), dimension=1536),
    search=("position_category", "skills", "original_resume", "moreinfo", "looking_for"),
)
