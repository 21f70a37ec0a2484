"""Payloads of the three stock domains, as they are stored."""

from __future__ import annotations

from typing import Any

ROW_ID = "0b5f0d1c-6a3f-5f57-9d4f-0c3a5b8e7f11"

PAYLOADS: dict[str, dict[str, Any]] = {
    "recruit": {
        "id": ROW_ID,
        "position": "Data Engineer",
        "company_name": '한빛 "Labs"',
        "experience_years": 3,
        "primary_keyword": "Python",
        "english_level": None,
        "published_at": "2021-07-01T00:00:00+03:00",
        "skills": ["python", "sql"],
        "long_description": "Line one.\nLine two. 🚀",
        "description_lang": "en",
    },
    "candidate": {
        "candidate_id": ROW_ID,
        "position_category": "Java",
        "experience_years": 0,
        "original_resume": "Ten years of Java.",
        "skills": ["java", "spring"],
        "resume_lang": "en",
        "moreinfo": None,
        "looking_for": "원격",
    },
    "skill_dic": {"skill": "c++", "position_category": "Backend"},
}
