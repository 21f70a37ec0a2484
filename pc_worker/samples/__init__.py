"""Sample files for the demo, made locally in seconds: real documentation, and people, jobs and meetings made up."""

from __future__ import annotations

from pathlib import Path

from pc_worker.samples.candidates import write_candidates
from pc_worker.samples.python_docs import write_python_docs
from pc_worker.samples.recruitment import write_recruitment
from pc_worker.samples.sample import Expected, Sample
from pc_worker.samples.skill_dictionary import write_skill_dictionary
from pc_worker.samples.transcripts import write_transcripts

__all__ = ["Expected", "Sample", "write_samples"]


def write_samples(folder: Path) -> list[Sample]:
    """Write one file a domain into ``folder`` (made if need be) and say what an ingest of each should report.

    The same Python, numpy and pandas produce the same files. An existing file is replaced at once,
    so a reader of the old one keeps it.

    Raises:
        OSError: If ``folder`` cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    writers = (write_python_docs, write_recruitment, write_candidates, write_skill_dictionary, write_transcripts)
    return [write(folder) for write in writers]
