"""Puts the drift page into words: its headings, its sentences, and links to events."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlencode

from events.store.drift_figures import ClockStep
from observers.pages.drift.findings import IMPORTS, Backwards, Findings
from observers.pages.durations import duration


def offset(seconds: Decimal) -> str:
    """A signed drift in words, such as `3 s ahead`."""
    side = " ahead" if seconds > 0 else " behind" if seconds < 0 else ""
    return f"{duration(seconds)}{side}"


@dataclass(frozen=True, slots=True)
class Jump:
    """A clock's jump between two events, in words."""

    step: ClockStep

    @property
    def moved(self) -> str:
        way = "forward" if self.step.change_seconds > 0 else "back"
        return f"{duration(self.step.change_seconds)} {way}"

    @property
    def before(self) -> str:
        return offset(self.step.before_seconds)

    @property
    def after(self) -> str:
        return offset(self.step.after_seconds)


@dataclass(frozen=True, slots=True)
class DriftPage:
    """The words of the page. `narrows`: filters are set; `lists_imports`: the list of warnings
    holds those of imports, too."""

    findings: Findings
    backwards: Backwards
    threshold: Decimal
    last_sequence: int
    agent_id: str
    narrows: bool
    lists_imports: bool

    @property
    def any_warning(self) -> bool:
        """True when the choice, or an import, has a warning."""
        return bool(self.findings.window or self.findings.imports)

    @property
    def download(self) -> str:
        which = "these" if self.narrows else "all"
        imports = ", including those of imports" if self.findings.imports else ""
        return f"Download {which} warnings{imports}"

    @property
    def limit(self) -> str:
        """The threshold in seconds."""
        return f"{self.threshold.normalize():f} s"

    @property
    def covers(self) -> str:
        """The sentence that says which warnings the figures cover."""
        count, window = self.findings.warnings, self.findings.window
        if window and window.cut:
            rest = "that match the filters" if self.narrows else "of running clocks"
            return f"Figures over the newest {count:,} warnings {rest}."
        if self.narrows:
            which = _warnings(count)
        else:
            which = "the one warning" if count == 1 else f"all {count:,} warnings"
        running = " of running clocks" if self.findings.imports else ""
        return f"Figures over {which}{running}."

    @property
    def none_found(self) -> str:
        """The sentence for a ledger without warnings of running clocks."""
        imports = self.findings.imports
        return (
            f"No warning in sequences 1 to {self.last_sequence}"
            f"{' but those of imports' if imports else ''}: every "
            f"{'running ' if imports else ''}clock was within {self.limit}."
        )

    @property
    def imports(self) -> str:
        """The sentences above the list of imports."""
        warnings, count = self.findings.import_warnings, self.findings.import_count
        newest = f" The newest {IMPORTS}:" if count > len(self.findings.imports) else ""
        return (
            f"{_warnings(warnings)} {'is' if warnings == 1 else 'are'} about events of "
            f"{count:,} import{'' if count == 1 else 's'}: their local times are those of old "
            f"records and say nothing about a clock that runs now.{newest}"
        )

    @property
    def jumps(self) -> list[Jump]:
        return [Jump(step) for step in self.findings.steps]

    @property
    def searched(self) -> str:
        """The events that were searched for jumps."""
        if not self.findings.last_event:
            return "in this time"
        return f"in sequence {self.findings.first_event} to {self.findings.last_event}"

    @property
    def ran_backwards(self) -> str:
        count = len(self.backwards.found)
        times = f" {count} times" if count > 1 else ""
        more = " or more" if self.backwards.more else ""
        return f"The database's own clock ran backwards{times}{more}."

    @property
    def list_heading(self) -> str:
        if not self.findings.imports:
            return "Warnings"
        return (
            "Warnings, including those of imports"
            if self.lists_imports
            else ("Warnings of running clocks")
        )

    @property
    def list_empty(self) -> str:
        return "No warning matches these filters." if self.narrows else "None."

    @property
    def of_agent(self) -> str:
        """The rest of a query that keeps to the chosen agent."""
        return "&" + urlencode({"agent_id": self.agent_id}) if self.agent_id else ""


def _warnings(count: int) -> str:
    return "1 warning" if count == 1 else f"{count:,} warnings"
