"""`python -m bench.soak`: load, kills, checks, report.

Invariant: a soak that killed nothing or wrote nothing is not sound.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

from bench.soak import report
from bench.soak.checks import Checks, dump
from bench.soak.kills import Killer
from bench.soak.load import Load
from bench.soak.log import LogTail
from bench.soak.memory import Memory
from bench.soak.portal import CouldNotRun, Portal, running
from bench.soak.tally import Tally
from bench.soak.writers import happenings
from bench.table import write

DESCRIPTION = """\
Start a portal in a temporary folder, put a mixed load on it over HTTP, kill its processes with
SIGKILL, and check that nothing acknowledged is lost.

Seven agents write: single events, batches as JSON and as lines; five of them send again until
they are acknowledged, two never ask again. Two readers walk the ledger by `after`, one exports it
slowly, an auditor signs in, looks at the pages and has it verified, and `check_continuity` runs
beside them. PostgreSQL is killed once a minute, and in between by turns a web process and the
worker.

After each kill every acknowledged event must be in the database with its sequence and its hash. At
the end: the same; what was not acknowledged is there whole or not at all; no gap, nothing twice,
nothing that nobody sent; the readers' walks agree; verify_ledger, check_continuity, check_guards
and the watch find nothing; every read is in the access log; no answer but those expected, no
traceback; no process that grows.

Exit codes: 0 all good, 1 findings, 2 could not run.
"""
SAMPLE_SECONDS = 2.0
LAST_SECONDS = 120.0


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.soak", description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--minutes", type=_positive, default=10.0, metavar="N", help="[10]")
    parser.add_argument(
        "--minute", type=_positive, default=60.0, metavar="SECONDS",
        help="how long a minute is: a shorter one kills sooner; with less than 20 the portal gives "
        "up PostgreSQL after eight kills [60]",
    )  # fmt: skip
    parser.add_argument(
        "--pace", type=_positive, default=1.0, metavar="X",
        help="multiplies every caller's pauses: 0.5 is nearly twice the load [1]",
    )  # fmt: skip
    parser.add_argument(
        "--logs", type=Path, metavar="FOLDER",
        help="write the lines of its *.jsonl, named by the presets of `ingest`, not generated ones",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--write", action="store_true", help="put the tables into bench/README.md")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # background jobs of a shell ignore SIGINT
        signal.signal(number, _interrupt)
    try:
        found = soak(options)
    except (CouldNotRun, OSError) as error:
        sys.stderr.write(f"bench.soak: {error}\n")
        return 2
    if options.write:
        write("soak", "Soak", report.markdown(found))
    sys.stdout.write((dump(found) if options.json else report.markdown(found)) + "\n")
    return 0 if found["sound"] else 1


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Exit as on Ctrl-C, so that the portal is stopped and its folder removed."""
    raise KeyboardInterrupt


def soak(options: argparse.Namespace) -> dict[str, Any]:
    """Run the whole soak and return its findings."""
    tally, told = Tally(), happenings(options.logs)
    if not told:
        raise CouldNotRun(f"{options.logs} holds no *.jsonl with events")
    with running() as portal:
        load = Load(portal, tally, told, options.pace, options.minute)
        checks, killer = Checks(portal, tally), Killer(portal, tally)
        memory, tail = Memory(portal), LogTail(portal.log, tally)
        load.start()
        began = time.monotonic()
        _run(killer, checks, memory, tail, options)
        load.stop()
        seconds = time.monotonic() - began
        _finish(load, checks, killer, memory, tail)
        return report.document(checks, killer, memory.figures(), tail, seconds)


def _run(
    killer: Killer, checks: Checks, memory: Memory, tail: LogTail, options: argparse.Namespace
) -> None:
    """Kill by plan, and check after each kill once the database is back."""
    began = time.monotonic()
    plan = list(killer.plan(options.minute, options.minutes))
    unchecked, sampled = False, 0.0
    while time.monotonic() - began < options.minutes * options.minute:
        now = time.monotonic()
        tail.read()
        if checks.portal.process.poll() is not None:
            raise CouldNotRun(f"the portal ended: {checks.portal.last_words()}")
        if now - sampled >= SAMPLE_SECONDS:
            memory.sample()
            sampled = now
        if plan and now - began >= plan[0][0]:
            killer.kill(plan.pop(0)[1], began)
            unchecked = True
        elif unchecked and killer.kills[-1].first_created(killer.tally) is not None:
            unchecked = not checks.acknowledged_are_there()
        time.sleep(0.2)


def _finish(load: Load, checks: Checks, killer: Killer, memory: Memory, tail: LogTail) -> None:
    """The final checks, when the load has ended."""
    for walker in load.walkers:
        walker.to_the_end()
    deadline = time.monotonic() + LAST_SECONDS
    while checks.verifications_open() and time.monotonic() < deadline:
        time.sleep(0.5)
    if left := checks.verifications_open():
        checks.tally.fault(f"verifications that nobody ends, with their jobs: {left}")
    memory.sample()
    checks.ledger()
    checks.walks(load.walkers)
    checks.verifications(load.auditor.started if load.auditor else 0)
    checks.command("check_continuity")
    checks.command("verify_ledger")
    checks.command("watch_ledger", "--once")
    checks.command("check_guards")
    checks.memory(memory.figures())
    _stop(checks.portal, checks)
    tail.read()
    checks.restarts(killer, tail.events["warning", "postgres_restarted"])
    unrecovered = sum(kill.first_created(checks.tally) is None for kill in killer.kills)
    checks.say(
        "kills after which events were recorded again",
        f"{len(killer.kills) - unrecovered} of {len(killer.kills)}",
        bool(killer.kills) and unrecovered == 0,
    )
    checks.portal.server.start()
    checks.access_log(killer)
    checks.faults()


def _stop(portal: Portal, checks: Checks) -> None:
    """Stop with SIGTERM, so that the processes flush the access log and the log."""
    code = portal.stop()
    checks.say("the portal stopped by SIGTERM", f"exit code {code}", code == 0)
    _, traceback, told = portal.output.read_text(errors="replace").partition("Traceback")
    if traceback:
        checks.tally.fault(f"the portal's terminal has a traceback: {told[:3000]}")


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


if __name__ == "__main__":
    sys.exit(main())
