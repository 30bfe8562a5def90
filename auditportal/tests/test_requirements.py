"""The three requirement files are in step, complete and free of registry addresses."""

from __future__ import annotations

import re
import tomllib

import pytest

from auditportal.env import BASE_DIR

Pins = dict[str, tuple[str, frozenset[str]]]
"""For each package: its version with its marker, and its hashes."""

EXTENDED = ("requirements-dev.txt", "requirements-bench.txt")
FILES = ("requirements.txt", *EXTENDED)


def text(name: str) -> str:
    return (BASE_DIR / name).read_text(encoding="utf-8")


def pins(name: str) -> Pins:
    found: Pins = {}
    for entry in re.split(r"\n(?=\w)", re.sub(r"(?m)^\s*#.*\n?", "", text(name))):
        package, separator, rest = entry.partition("==")
        assert separator, f"{name}: {entry!r} is not pinned"
        version = rest.partition("--hash=")[0].strip(" \\\n")
        found[package.partition("[")[0]] = version, frozenset(re.findall(r"--hash=(\S+)", rest))
    return found


def declared(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=~! ]", each)[0].lower() for each in requirements}


@pytest.mark.parametrize("name", EXTENDED)
def test_the_files_agree_on_version_and_hashes_of_every_package(name: str) -> None:
    extended = pins(name)
    portal = pins("requirements.txt")
    assert {package: extended.get(package) for package in portal} == portal, "run make requirements"


@pytest.mark.parametrize("name", FILES)
def test_every_package_has_hashes(name: str) -> None:
    assert [package for package, (_, hashes) in pins(name).items() if not hashes] == []


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("requirements.txt", None),
        ("requirements-dev.txt", "dev"),
        ("requirements-bench.txt", "bench"),
    ],
)
def test_every_declared_package_is_pinned(name: str, group: str | None) -> None:
    project = tomllib.loads(text("pyproject.toml"))
    wanted = declared(project["project"]["dependencies"])
    if group:
        wanted |= declared(project["dependency-groups"][group])
    assert wanted <= pins(name).keys(), "run make requirements"


@pytest.mark.parametrize("name", FILES)
def test_no_registry_address_is_written_down(name: str) -> None:
    lines = text(name).splitlines()
    assert [line for line in lines if "://" in line or line.startswith("-")] == []
