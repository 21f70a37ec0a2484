"""A made-up ``recruit`` file, shaped as the job posts of the system that came before."""

from __future__ import annotations

from pathlib import Path

from pc_worker.domains import Options
from pc_worker.samples.invention import (
    Dice,
    Oddity,
    Row,
    object_array,
    object_frame,
    row_id,
    with_oddities,
)
from pc_worker.samples.pools import pools
from pc_worker.samples.sample import Sample, count, write_pickle
from pc_worker.samples.skills import DIMENSION, as_json, skills_vector

_ROWS = 1500
_LEVELS = ("Junior", "Middle", "Senior", "Lead")
_ROLES = ("Developer", "Engineer", "Consultant", "Specialist")
_OFFERS = (
    "Fully remote within the time zone",
    "Hybrid, three days a week in the office",
    "A yearly budget for books and conferences",
    "Flexible hours and no overtime",
    "Shares after the first year",
)


def write_recruitment(folder: Path) -> Sample:
    """Write ``processed_recruitment_data.pkl``: a dict with the frame under ``data_frame``."""
    dice = Dice(1)
    rows, outcomes = with_oddities([_post(dice, number) for number in range(_ROWS)], _oddities())
    path = folder / "processed_recruitment_data.pkl"
    write_pickle({"data_frame": object_frame(rows, __index_level_0__="int64")}, path)
    return Sample(path, "recruit", Options(), len(rows), count(outcomes))


def _post(dice: Dice, number: int) -> Row:
    category, skills = dice.category_and_skills()
    position = f"{dice.one(_LEVELS)} {category} {dice.one(_ROLES)}"
    company = dice.one(pools().companies)
    return {
        "id": row_id("recruit", number),
        "Position": position,
        "Company Name": company,
        "Exp Years": _years(dice),
        "Primary Keyword": category,
        "English Level": None if dice.chance(0.03) else dice.one(pools().english_levels),
        "Published": f"202{dice.number(0, 3)}-{dice.number(1, 12):02d}-{dice.number(1, 28):02d}T00:00:00+03:00",
        "skills": object_array(skills),
        "normalized_skills": object_array(skills),
        "Long Description": _description(dice, position, company, skills),
        "Long Description_lang": dice.one(pools().languages),
        "embedding_input_text": ", ".join(skills),
        "skill_vector": as_json(skills_vector(skills)),
        "__index_level_0__": number,
    }


def _oddities() -> list[Oddity]:
    return [
        Oddity({"skills": object_array([])}, "skipped"),
        Oddity({"skills": object_array([])}, "skipped"),
        Oddity({"skills": None}, "skipped"),
        Oddity({"skill_vector": None}, "skipped"),
        Oddity({"id": row_id("recruit", _ROWS - 1)}, "skipped"),  # the last row has the same id and wins
        Oddity({"Exp Years": "5y later"}, "dead"),
        Oddity({"Exp Years": -2}, "dead"),
        Oddity({"Company Name": None}, "dead"),
        Oddity({"Published": "next Tuesday"}, "dead"),
        Oddity({"skills": "python, sql"}, "dead"),
        Oddity({"skill_vector": as_json(skills_vector(["python"])[:384])}, "dead"),
        Oddity({"skill_vector": "[" + ",".join(["NaN"] * DIMENSION) + "]"}, "dead"),
        Oddity({"Long Description": "Broken on its way here:\0"}, "dead"),
    ]


def _years(dice: Dice) -> str | int | None:
    """Return years as the source writes them: ``no_exp``, ``3y``, sometimes a number or nothing."""
    if dice.chance(0.02):
        return None
    if dice.chance(0.2):
        return "no_exp"
    years = dice.number(1, 10)
    return years if dice.chance(0.05) else f"{years}y"


def _description(dice: Dice, position: str, company: str, skills: list[str]) -> str:
    return (
        f"{company} is looking for a {position} to join a team of {dice.number(3, 30)}.\n\n"
        f"You will work with {', '.join(skills[:-1])} and {skills[-1]} every day, "
        f"review the work of others and have yours reviewed.\n\n{'. '.join(dice.some(_OFFERS, 2, 4))}."
    )
