"""The ``skill_dic`` file: every skill of the pool with its category and vector."""

from __future__ import annotations

from pathlib import Path

from pc_worker.domains import Options
from pc_worker.samples.pools import pools
from pc_worker.samples.sample import Expected, Sample, write_pickle
from pc_worker.samples.skills import as_json, skills_vector


def write_skill_dictionary(folder: Path) -> Sample:
    """Write ``skill_embeddings_dict_v2.pkl``: a list of dicts."""
    pool = [(category, skill) for category, skills in pools().skills.items() for skill in skills]
    rows = [
        {
            "id": number,
            "name": skill,
            "category": category,
            "synonyms": [skill.upper(), skill.replace(" ", "-")],
            "skill_set_openai_vector": as_json(skills_vector([skill])),
        }
        for number, (category, skill) in enumerate(pool, start=1)
    ]
    path = folder / "skill_embeddings_dict_v2.pkl"
    write_pickle(rows, path)
    return Sample(path, "skill_dic", Options(), len(rows), Expected(written=len(rows)))
