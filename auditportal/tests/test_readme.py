"""The commands of the README are run as written, against a newly started portal."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from auditportal.env import BASE_DIR
from auditportal.tests.conftest import clean_environment
from auditportal.tests.test_portal_command import Portal, port, portal

__all__ = ["port", "portal"]


def commands(heading: str) -> str:
    """The console block below a heading of the README."""
    page = (BASE_DIR / "README.md").read_text(encoding="utf-8")
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    (block,) = re.findall(r"```console\n(.*?)```", section, re.DOTALL)
    return str(block)


def typed(script: str, home: Path, port: int) -> str:
    """Run a script in the project's folder; its output."""
    script = script.replace(".venv/bin/python", sys.executable).replace(":8000", f":{port}")
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=BASE_DIR,
        env=clean_environment(home),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_the_two_commands_are_targets_of_the_makefile() -> None:
    assert commands("Two commands").split("\n") == ["make run", "make test", ""]


def test_first_event_and_first_check(portal: Callable[..., Portal], home: Path, port: int) -> None:
    portal().await_ready()
    event = json.loads(typed(commands("First event"), home, port))
    assert (event["sequence"], event["agent_id"]) == (3, "first-agent")
    assert event["payload"] == {"text": "hello"}

    said = typed(commands("First check"), home, port)
    assert said.startswith("Sequences 1 to 3: none missing.")
    assert said.endswith("Sound.\n")


def test_ingest_explains_itself(home: Path) -> None:
    said = typed(commands("Logs that you have already"), home, 0)
    for preset in ("cloudtrail", "windows", "journald", "kubernetes", "cloudevents"):
        assert preset in said


@pytest.mark.parametrize("document", ["docs/event-format.md", "docs/http-api.md"])
def test_documents_that_the_readme_names_are_there(document: str) -> None:
    assert (BASE_DIR / document).is_file()
    assert f"({document})" in (BASE_DIR / "README.md").read_text(encoding="utf-8")
