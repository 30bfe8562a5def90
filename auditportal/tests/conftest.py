"""Fixtures: temporary homes and embedded servers, stopped and removed at the end."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from auditportal.embedded import EmbeddedPostgres
from auditportal.env import BASE_DIR


@pytest.fixture
def home() -> Iterator[Path]:
    """A home folder not created yet, in a folder that other accounts can pass through."""
    folder = Path(tempfile.mkdtemp(prefix="auditportal-test-"))
    folder.chmod(0o711)
    home = folder / "home"
    yield home
    if home.is_dir():
        EmbeddedPostgres(home).remove()
    shutil.rmtree(folder)


@pytest.fixture
def server(home: Path) -> EmbeddedPostgres:
    """A running server in a fresh home."""
    server = EmbeddedPostgres(home, fsync=False)
    server.start()
    return server


@pytest.fixture
def script() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a Python script as a process with pipes."""
    started: list[subprocess.Popen[str]] = []

    def start(source: str, *arguments: object, **options: object) -> subprocess.Popen[str]:
        process: subprocess.Popen[str] = subprocess.Popen(
            [sys.executable, "-c", source, *map(str, arguments)],
            cwd=BASE_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Popen's overloads depend on each option by itself.
            **options,  # type: ignore[call-overload]
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def manage(home: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command of manage.py with this home and none of the caller's settings."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(BASE_DIR / "manage.py"), *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            cwd="/",
            env=clean_environment(home, **environment),
        )

    return run


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """An environment with default settings except the home."""
    kept = ("PATH", "HOME", "LANG", "DJANGO_SETTINGS_MODULE")
    return {k: os.environ[k] for k in kept if k in os.environ} | {"PORTAL_HOME": str(home)} | more
