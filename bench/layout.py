"""Measures the layout of the source and fails where it exceeds a limit: `make lint` runs it.

Tests and migrations are not counted. import-linter checks the direction of the imports.
"""

from __future__ import annotations

import ast
import re
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("auditportal", "events", "observers")
SHORT_LINES, LONGEST_TEMPLATE_LINE = 40, 160
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
CLAUSE = re.compile(r"(What|Whether|How|Which|Who|Where|When|Why)\b")
"""The beginning of a docstring that does not say what the code does, but is a clause."""


@dataclass(frozen=True)
class Figure:
    """One line of the table; `limit` is the largest value allowed."""

    name: str
    value: float
    limit: float | None = None

    @property
    def exceeds(self) -> bool:
        return self.limit is not None and self.value > self.limit

    def __str__(self) -> str:
        limit = "" if self.limit is None else f"{self.limit:,g}"
        return f"{self.name:<55}{self.value:>10,g}{limit:>10}{' exceeded' * self.exceeds}"


def modules() -> list[Path]:
    """Return the files of the three packages that are not empty."""
    return [
        path
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if not {"tests", "migrations"} & set(path.parts) and path.stat().st_size
    ]


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def docstrings(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and (text := ast.get_docstring(node)):
            yield text


def imported(module: ast.Module, known: set[str]) -> set[str]:
    """The modules of `known` that a module imports when it is loaded."""
    found: set[str] = set()
    for node in module.body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names} & known
            found |= names or {node.module}
    return found & known


def import_cycle(trees: dict[str, ast.Module]) -> list[str]:
    """The modules of one import cycle; empty if there is none."""
    known = set(trees)
    try:
        TopologicalSorter({m: imported(tree, known) for m, tree in trees.items()}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def figures() -> list[Figure]:
    sources = {module_name(path): path.read_text(encoding="utf-8") for path in modules()}
    trees = {name: ast.parse(source) for name, source in sources.items()}
    sizes = [source.count("\n") for source in sources.values()]
    documented = [text for tree in trees.values() for text in docstrings(tree)]
    clauses = sum(bool(CLAUSE.match(text)) for text in documented)
    template_lines = [
        line
        for path in (ROOT / "templates").rglob("*.*")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return [
        Figure("modules", len(sources)),
        Figure("lines of Python", sum(sizes)),
        Figure("median lines of a module", statistics.median(sizes)),
        Figure(f"modules of at most {SHORT_LINES} lines", sum(n <= SHORT_LINES for n in sizes)),
        Figure("modules of more than 400 lines", sum(n > 400 for n in sizes)),
        Figure(
            "percent of docstrings that begin with What, How, …",
            round(100 * clauses / len(documented), 2), 1,
        ),
        Figure("docstrings with “must never”", sum("must never" in t for t in documented), 0),
        Figure(
            f"template lines over {LONGEST_TEMPLATE_LINE} characters",
            sum(len(line) > LONGEST_TEMPLATE_LINE for line in template_lines), 0,
        ),
        Figure("modules in an import cycle", len(set(import_cycle(trees))), 0),
    ]  # fmt: skip


def main() -> None:
    found = figures()
    sys.stdout.write(f"{'':55}{'':>10}{'at most':>10}\n" + "\n".join(map(str, found)) + "\n")
    sys.exit(any(figure.exceeds for figure in found))


if __name__ == "__main__":
    main()
