"""The harness's side of the failpoints: arm a point, see what fired, and which points a process has passed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INSIDE = Path(__file__).parent / "inside"
#: A message counts as lost after 5 s instead of 20: more faults in the same time.
SOONER: dict[str, dict[str, Any]] = {"pc_worker.services.ingest.reconcile": {"LOST_AFTER_S": 5.0}}


@dataclass(frozen=True, slots=True)
class Failpoints:
    """Points of all processes of a stack that was started with ``PCW_FAULTS`` set to ``folder``."""

    folder: Path

    def prepare(self) -> None:
        """Make the folders."""
        for name in ("armed", "standing", "fired", "seen"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.tune()

    def arm(self, point: str, action: str) -> None:
        """Make the next process that passes ``point`` do ``action``, once."""
        (self.folder / "armed" / point).write_text(action)

    def stand(self, point: str, action: str) -> None:
        """Make every process do ``action`` whenever it passes ``point``."""
        (self.folder / "standing" / point).write_text(action)

    def fall(self) -> None:
        """Disarm all permanent failpoints."""
        for file in (self.folder / "standing").iterdir():
            file.unlink(missing_ok=True)

    def disarm(self) -> int:
        """Disarm what has not fired; return how many those were."""
        armed = list((self.folder / "armed").iterdir())
        for file in armed:
            file.unlink(missing_ok=True)
        return len(armed)

    def armed(self) -> set[str]:
        """Return the points that wait to fire."""
        return {file.name for file in (self.folder / "armed").iterdir()}

    def fired(self) -> list[tuple[str, int]]:
        """Return (point, pid) of all that have fired."""
        parts = (file.name.split("~") for file in (self.folder / "fired").iterdir())
        return [(point, int(pid)) for point, pid, _ in parts]

    def seen(self, role: str, kinds: Iterable[str]) -> list[str]:
        """Return the points of these kinds that a process of this role has passed, sorted."""
        prefixes = tuple(f"{role}.{kind}@" for kind in kinds)
        return sorted(file.name for file in (self.folder / "seen").iterdir() if file.name.startswith(prefixes))

    def tune(self, **tuning: Any) -> None:
        """Change what is fixed, from the next start on: ``celery``, ``clock_shift_s`` by role, ``constants``."""
        tuning["constants"] = SOONER | tuning.get("constants", {})
        (self.folder / "tuning.json").write_text(json.dumps(tuning))

    def poison(self, job_id: str, row: int) -> None:
        """Make every process that works on this row crash."""
        (self.folder / "poison.json").write_text(json.dumps({"job": job_id, "row": row}))

    def heal(self) -> list[str]:
        """Remove the poison; return a line for each crash that it caused."""
        (self.folder / "poison.json").unlink(missing_ok=True)
        crashes = self.folder / "poisoned"
        lines = crashes.read_text().splitlines() if crashes.exists() else []
        crashes.unlink(missing_ok=True)
        return lines
