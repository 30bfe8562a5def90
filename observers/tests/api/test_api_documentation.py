"""The documents of the HTTP API: their examples run as printed, their tables match the code."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.test import Client

from events.api.problems import PROBLEMS
from events.tests.support import api
from events.tests.support.ledger import Ledger
from observers.api.parameters import DriftParameters, ExportParameters, RangeParameters

IN_ORDER = ("http-writing", "http-reading", "http-checking", "http-ingest", "http-api")
TEXT = "".join(
    (settings.BASE_DIR / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in IN_ORDER
)
SERVER = "http://127.0.0.1:8000"
BLOCK = re.compile(r"^```(console|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# What differs from one ledger to the next: only its type is compared.
VARIES = re.compile(r".*(_hash|signature|_timestamp|_salt|_key_id|drift_seconds)|(event|ledger)_id")


@dataclass
class Example:
    """One curl command, the status that is printed below it, and the JSON if that is shown."""

    command: str
    status: int
    answer: Any = field(default=None)


def examples() -> list[Example]:
    found: list[Example] = []
    for kind, text in BLOCK.findall(TEXT):
        if kind == "json":
            found[-1].answer = json.loads(text)
            continue
        for command, status in re.findall(
            r"^\$ (curl .*?)\n(\d{3})$", text, re.MULTILINE | re.DOTALL
        ):
            found.append(Example(command, int(status)))
    return found


def run(command: str, variables: dict[str, str]) -> Any:
    """Sends with Django's test client the request that curl would send."""
    for name, value in variables.items():
        command = command.replace(f"${name}", value)
    words = iter(shlex.split(command.replace("\\\n", " "))[1:])
    address, body, headers = "", None, {}
    for word in words:
        if word in ("-d", "--data-binary"):
            body = next(words)
        elif word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word != "-sS":
            address = word.removeprefix(SERVER)
    if body is None:
        return Client().get(address, headers=headers)
    media_type = headers.pop("Content-Type", "application/x-www-form-urlencoded")
    return Client().post(address, body.encode(), media_type, headers=headers)


def same(found: Any, shown: Any, name: str = "") -> bool:
    """Tells whether an answer is the one shown, ignoring values that differ in every ledger."""
    if isinstance(shown, dict) and isinstance(found, dict):
        return list(found) == list(shown) and all(same(found[n], shown[n], n) for n in shown)
    if isinstance(shown, list) and isinstance(found, list):
        return len(found) == len(shown) and all(map(same, found, shown))
    return type(found) is type(shown) if VARIES.fullmatch(name) else bool(found == shown)


def test_the_examples_run_as_printed(ledger: Ledger) -> None:
    variables = {"TOKEN": api.issue("--agent", "agent-7"), "OBSERVER": api.issue("--observer")}
    assert len(examples()) > 15
    for example in examples():
        response = run(example.command, variables)
        assert response.status_code == example.status, example.command
        if example.answer is not None:
            assert same(response.json(), example.answer), (example.command, response.json())


def test_every_json_block_belongs_to_an_example() -> None:
    shown = sum(1 for kind, _ in BLOCK.findall(TEXT) if kind == "json")
    assert shown == sum(1 for example in examples() if example.answer is not None)


def test_the_table_of_refusals_is_the_codes() -> None:
    table = re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \|", TEXT, re.MULTILINE)
    assert [(name, int(status)) for name, status in table] == [
        (problem.name, problem.status) for problem in PROBLEMS
    ]


def test_every_parameter_is_described() -> None:
    for parameters in (RangeParameters, DriftParameters, ExportParameters):
        for name in parameters().get_fields():
            assert f"`{name}`" in TEXT


def test_every_metric_is_described(ledger: Ledger) -> None:
    ledger.write(1)
    scraped = Client().get("/metrics").content.decode()
    named = set(re.findall(r"`(audit_portal_\w+)", TEXT))
    assert named == set(re.findall(r"^(audit_portal_\w+)", scraped, re.MULTILINE))
