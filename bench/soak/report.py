"""The report of a soak, as Markdown and as JSON."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from bench.soak.checks import Checks, as_json
from bench.soak.kills import Killer
from bench.soak.log import LogTail
from bench.soak.memory import Figures
from bench.soak.tally import BROKEN, Tally

COLUMNS = ("201", "200", "302", "400", "503", BROKEN, "exit code 0", "exit code 2")
"""Answers that are no fault."""


def document(
    checks: Checks, killer: Killer, figures: Sequence[Figures], tail: LogTail, seconds: float
) -> dict[str, Any]:
    """The whole report as JSON."""
    tally = checks.tally
    return {
        "sound": all(good for _, _, good in checks.lines),
        "seconds": round(seconds, 1),
        "checks": as_json(checks),
        "kills": [
            {"role": k.role, "at": k.begun, "acknowledged": k.acknowledged,
             "first_201_after": k.first_created(tally)} for k in killer.kills
        ],
        "answers": _by_caller(tally),
        "notes": dict(tally.notes),
        "memory": [vars(one) | {"grows": one.grows} for one in figures],
        "log": [
            {"level": level, "event": event, "count": count}
            for (level, event), count in tail.events.most_common()
        ],
        "faults": tally.faults,
    }  # fmt: skip


def _by_caller(tally: Tally) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for (who, outcome), count in sorted(tally.answers.items()):
        found[who][outcome] = count
    return dict(found)


def markdown(found: dict[str, Any]) -> str:
    """The tables as Markdown."""
    lines = ["| what | found | |", "|---|---|---|"]
    lines += [
        f"| {c['check']} | {c['found']} | {'good' if c['good'] else '**not good**'} |"
        for c in found["checks"]
    ]
    lines += [
        "",
        "| killed | after s | acknowledged by then | first 201 after s |",
        "|---|---:|---:|---:|",
    ]
    lines += [
        f"| {k['role']} | {k['at']:.0f} | {k['acknowledged']:,} "
        f"| {_seconds(k['first_201_after'])} |"
        for k in found["kills"]
    ]
    columns = [c for c in COLUMNS if any(c in row for row in found["answers"].values())]
    lines += [
        "",
        f"| who | {' | '.join(columns)} | other |",
        "|---|" + "---:|" * (len(columns) + 1),
    ]
    for who, row in found["answers"].items():
        other = sum(count for outcome, count in row.items() if outcome not in columns)
        cells = " | ".join(f"{row.get(column, 0):,}" for column in columns)
        lines.append(f"| {who} | {cells} | {other:,} |")
    lines += ["", "| process | MiB, begin | end | most |", "|---|---:|---:|---:|"]
    lines += [
        f"| {m['role']} | {m['begin']:.0f} | {m['end']:.0f} | {m['most']:.0f} |"
        for m in found["memory"]
    ]
    notes = "; ".join(f"{what}: {count:,}" for what, count in sorted(found["notes"].items()))
    logged = "; ".join(f"{e['event']}: {e['count']:,}" for e in found["log"])
    lines += ["", f"Besides: {notes}.", "", f"Warnings and worse in the log: {logged or 'none'}."]
    lines += [f"- {fault}" for fault in found["faults"]]
    return "\n".join(lines)


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.2f}"
