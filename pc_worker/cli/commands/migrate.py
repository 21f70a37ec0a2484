"""``migrate``: bring the schema up to date and open every domain's log; divide a domain into partitions."""

from __future__ import annotations

import sys

import click

from pc_worker import wiring
from pc_worker.cli.context import one_shot
from pc_worker.cli.output import print_table
from pc_worker.cli.patience import patiently
from pc_worker.errors import InvalidRequest
from pc_worker.services.declarations import open_domains
from pc_worker.services.dependencies import Services
from pc_worker.services.maintenance.partition import (
    LOG_SPAN,
    MAX_PARTS,
    PARTS,
    PartitionPlan,
    Progress,
    abandon_partitions,
    partition_domain,
    plan_partitions,
)
from pc_worker.store.db.migrations import migrate, pending, read_migrations

MB = 1 << 20
#: Shorter ranges are more tables than PostgreSQL plans quickly; a longer one holds more than any domain.
SPANS = click.IntRange(1_000_000, 10**12)
#: A part that waits longer is better started again by what runs it.
LONGEST_WAIT_S = 3_600


@click.command("migrate")
@click.option("--partition", "domain", metavar="DOMAIN", help="Then divide this domain's rows and log into partitions.")
@click.option("--parts", type=click.IntRange(2, MAX_PARTS), help=f"Hash parts of its rows.  [default: {PARTS}]")
@click.option("--log-span", type=SPANS, help=f"Positions in each range of its log.  [default: {LOG_SPAN}]")
@click.option("--dry-run", is_flag=True, help="With --partition: only print what it would do.")
@click.option("--abandon", is_flag=True, help="With --partition: drop the copy of an interrupted run.")
@click.option(
    "--wait",
    "wait_s",
    metavar="SECONDS",
    type=click.IntRange(0, LONGEST_WAIT_S),
    default=0,
    show_default=True,
    help="Wait up to this long for a database that does not answer yet.",
)
def migrate_command(
    domain: str | None, parts: int | None, log_span: int | None, dry_run: bool, abandon: bool, wait_s: int
) -> None:
    """Apply the migrations this database lacks; safe to run again, and by several at once.

    With --partition, the rows, vectors, terms and identities of DOMAIN are divided into hash parts, its log into
    ranges of positions. The tables are copied in steps while jobs, streams and searches continue; for a domain
    without rows, nothing is copied. After an interruption, run it again: it continues.

    With --wait, it waits for a database that is starting, or that is not there yet, instead of exiting with 69.
    """
    if domain is None and (parts is not None or log_span is not None or dry_run or abandon):
        raise click.UsageError("--parts, --log-span, --dry-run and --abandon need --partition")
    if dry_run and abandon:
        raise click.UsageError("--dry-run and --abandon exclude each other")
    settings = one_shot()
    services = wiring.make_services(settings, application="pc_worker migrate")
    migrations = read_migrations(wiring.MIGRATIONS)

    def bring_up_to_date() -> list[str]:
        wiring.check_servers(settings, broker=False)
        if dry_run and (missing := pending(services.database, migrations)):
            raise InvalidRequest(f"the schema lacks {', '.join(missing)}: run `migrate` first")
        return migrate(services.database, migrations)

    applied = patiently(bring_up_to_date, wait_s=wait_s)
    for state in open_domains(services):
        print(f"warning: {state.sentence}", file=sys.stderr)
    for name in applied:
        print(f"applied {name}")
    if domain is not None and abandon:
        abandon_partitions(services.database, domain)
        print(f"dropped the unfinished copy of {domain}")
    elif domain is not None:
        _partition(services, domain, parts, log_span, dry_run=dry_run)
    elif not applied:
        print("nothing to do: the schema is up to date")


def _partition(services: Services, domain: str, parts: int | None, log_span: int | None, *, dry_run: bool) -> None:
    plan = plan_partitions(services.database, domain, parts=parts, log_span=log_span)
    if plan.done:
        print(f"{domain} is partitioned into {plan.parts} parts")
    else:
        _print_plan(plan)
    if dry_run:
        return
    if partition_domain(services.database, domain, parts=parts, log_span=log_span, progress=_reporter()):
        print(f"partitioned {domain} into {plan.parts} parts")


def _print_plan(plan: PartitionPlan) -> None:
    """Print what is copied: every table whole, as all domains without partitions share it."""
    begun = " (begun before)" if plan.begun else ""
    print(f"{plan.domain}: {plan.parts} hash parts, log ranges of {plan.log_span:,} positions{begun}")
    if not plan.tables:
        print("it has no rows: nothing is copied")
        return
    rows = [(t.table, f"{t.rows:,}", f"{t.all_rows:,}", f"{t.bytes / MB:,.0f} MB") for t in plan.tables]
    print_table(("copied table", f"rows of {plan.domain}", "all rows, about", "size"), rows)
    print(f"disk needed meanwhile: about {plan.copied_bytes / MB:,.0f} MB, and as much write-ahead log")


def _reporter() -> Progress:
    """Return what reports progress on stderr, if that is a terminal."""
    from rich.console import Console  # not loaded by the other commands
    from rich.progress import Progress as Bar

    bar = Bar(console=Console(stderr=True), disable=not sys.stderr.isatty())
    line, done = bar.add_task("partitions", total=None), dict[str, int]()

    def report(what: str, rows: int) -> None:
        done[what] = done.get(what, 0) + rows
        bar.update(line, description=f"{what}: {done[what]:,} rows" if rows else what, refresh=True)

    return report
