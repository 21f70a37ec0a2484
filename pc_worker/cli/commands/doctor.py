"""``doctor``: check every dependency and setting; report what is wrong and how to fix it."""

from __future__ import annotations

import click

from pc_worker.cli.context import one_shot
from pc_worker.cli.options import JSON
from pc_worker.cli.output import print_json, print_table
from pc_worker.doctor import diagnose


@click.command("doctor")
@JSON
def doctor_command(as_json: bool) -> int:
    """Check this installation; exits with 1 if something is wrong."""
    findings = diagnose(one_shot())
    healthy = all(finding.ok for finding in findings)
    if as_json:
        checks = [{"check": f.check, "ok": f.ok, "found": f.found, "mend": f.fix} for f in findings]
        print_json({"ok": healthy, "checks": checks})
    else:
        print_table(
            ("", "check", "found", "what to do"),
            [("ok" if f.ok else "WRONG", f.check, f.found, "" if f.ok else f.fix) for f in findings],
        )
    return 0 if healthy else 1
