"""The scripts of an event's page as they are served: named by content, in one piece, our own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.contrib.staticfiles.finders import get_finders

from auditportal.static import StaticFilesStorage

STATIC = Path(__file__).parents[2] / "static" / "observers"
IMPORT = re.compile(r"""^import [^"']*["'](\./[^"']+)["'];$""", re.MULTILINE)
MODULES = sorted(STATIC.glob("verify/*.js"))


COLLECTED = ("observers/", "django_htmx/")


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our scripts, and some of other people, as `make run` collects them. The storage is one of
    this test alone: what is collected is remembered by the one that pages ask."""
    place = tmp_path_factory.mktemp("static")
    storage = StaticFilesStorage(location=place, base_url="/static/")
    sources = {
        path: (source, path)
        for finder in get_finders()
        for path, source in finder.list([])
        if path.startswith(COLLECTED)
    }
    for path, (source, _) in sources.items():
        with source.open(path) as file:
            storage.save(path, file)
    for path, _, outcome in storage.post_process(sources):
        assert not isinstance(outcome, Exception), (path, outcome)
    assert "django_htmx/htmx-2.min.js" in sources
    return place / "observers" / "verify"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_collected_module_imports_by_hashed_names(collected: Path, module: Path) -> None:
    [hashed] = collected.glob(f"{module.stem}.????????????.js")
    wanted = IMPORT.findall(module.read_text(encoding="utf-8"))
    found = IMPORT.findall(hashed.read_text(encoding="utf-8"))
    assert [re.sub(r"\.[0-9a-f]{12}\.js$", ".js", name) for name in found] == wanted
    for name in found:
        assert re.search(r"\.[0-9a-f]{12}\.js$", name), name
        assert (collected / name).is_file()


def test_there_are_modules_to_look_at() -> None:
    assert {path.stem for path in MODULES} >= {"json", "canonical", "checks", "page"}
    assert any(IMPORT.search(path.read_text(encoding="utf-8")) for path in MODULES)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_module_says_what_it_is_for_and_its_invariant(module: Path) -> None:
    comment = module.read_text(encoding="utf-8").partition("*/")[0]
    assert comment.startswith("/* ")
    assert "Invariant:" in comment


def test_the_checks_fetch_nothing() -> None:
    for name in ("json", "canonical", "checks"):
        source = (STATIC / "verify" / f"{name}.js").read_text(encoding="utf-8")
        assert not re.search(r"\b(fetch|XMLHttpRequest|document|localStorage)\b\s*[.(]", source)
