"""`make` lists its commands and says what is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from auditportal.env import BASE_DIR

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", *map(str, arguments)],
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        # Not as a part of the `make` that may run these tests.
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
    )


def python_that_fails_on(word: str, folder: Path) -> Path:
    """A Python that fails for scripts that contain the word."""
    fake = folder / "python3"
    fake.write_text(
        f'#!/bin/sh\ncase "$*" in *{word}*) exit 1;; esac\nexec {sys.executable} "$@"\n'
    )
    fake.chmod(0o755)
    return fake


def test_alone_lists_the_commands() -> None:
    listed = make()
    assert listed.returncode == 0
    for command in ("run", "test", "test-quick", "lint", "requirements", "clean-venv"):
        assert f"make {command} " in listed.stdout


@pytest.mark.parametrize(
    ("lacks", "says"),
    [
        ("version_info", "is not Python 3.11 or newer"),
        ("ensurepip", "apt install python3-venv"),
    ],
)
def test_says_in_one_line_what_its_python_lacks(tmp_path: Path, lacks: str, says: str) -> None:
    venv = tmp_path / "venv"
    refused = make(
        f"VENV={venv}", f"PYTHON={python_that_fails_on(lacks, tmp_path)}", f"{venv}/.run"
    )
    assert refused.returncode != 0
    ours, theirs = refused.stderr.splitlines()
    assert says in ours
    assert theirs.startswith("make: ***")
    assert not venv.exists()


def test_begins_again_after_an_interrupted_or_broken_environment(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to("/nowhere/python")
    (venv / ".python").touch()
    assert make(f"VENV={venv}", f"PYTHON={sys.executable}", f"{venv}/.python").returncode == 0
    ran = subprocess.run([venv / "bin" / "python", "-c", "import pip"], capture_output=True)
    assert ran.returncode == 0


def test_installs_again_only_when_the_requirements_have_changed(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    (venv / ".python").touch()
    (venv / ".run").touch()
    wanted = (f"VENV={venv}", "--dry-run", f"{venv}/.run")
    assert "pip" not in make(*wanted).stdout
    assert "requirements.txt" in make("--what-if=requirements.txt", *wanted).stdout
