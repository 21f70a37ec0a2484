"""The tables of a stock batch server: the JSON fields that it reads, each with the rule of its column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pc_worker.errors import InvalidRequest
from pc_worker.push.rules import (
    FieldRule,
    filled_text,
    optional_text,
    required_text,
    skills,
    timestamp,
    years_from,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StockTable:
    """The server's table of one domain.

    Attributes:
        domain: Its name, exact and case-sensitive.
        key: The JSON field that identifies a row in an upsert; the row's UUID unless it is one of ``fields``.
        fields: The other JSON fields by name; the server ignores unknown ones.
        vector: The JSON field of the vector.
        dimension: The number of its elements.
    """

    domain: str
    key: str
    fields: Mapping[str, FieldRule]
    vector: str
    dimension: int = 1536


TABLES: Mapping[str, StockTable] = MappingProxyType(
    {
        "recruit": StockTable(
            domain="recruit",
            key="id",
            fields={
                "position": required_text,
                "company_name": required_text,
                "experience_years": years_from(1),
                "primary_keyword": optional_text,
                "english_level": optional_text,
                "published_at": timestamp,
                "skills": skills,
                "long_description": required_text,
                "description_lang": optional_text,
            },
            vector="skills_vector",
        ),
        "candidate": StockTable(
            domain="candidate",
            key="candidate_id",
            fields={
                "position_category": required_text,
                "experience_years": years_from(0),
                "original_resume": required_text,
                "skills": skills,
                "resume_lang": optional_text,
                "moreinfo": optional_text,
                "looking_for": optional_text,
            },
            vector="skills_vector",
        ),
        "skill_dic": StockTable(
            domain="skill_dic",
            key="skill",
            fields={"skill": required_text, "position_category": filled_text},
            vector="skill_vector",
        ),
    }
)


def stock_domains() -> tuple[str, ...]:
    """Return the names of the domains that a stock batch server stores."""
    return tuple(TABLES)


def stock_table(domain: str) -> StockTable:
    """Return the server's table of a domain.

    Raises:
        InvalidRequest: If it does not store the domain.
    """
    if domain not in TABLES:
        raise InvalidRequest(f'a batch server does not store the domain "{domain}": only {", ".join(TABLES)}')
    return TABLES[domain]
