"""`ingest`: takes log files into the ledger."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from events.append.services import bulk_writer, writer
from events.ingest.console import Console
from events.ingest.errors import IngestError
from events.ingest.following import Following
from events.ingest.ingestion import Ingestion
from events.ingest.inputs import STDIN, check_packed
from events.ingest.loading import AgentKeys
from events.ingest.options import add_options, describe
from events.ingest.requested import (
    check_files,
    check_following,
    read_mapping,
    read_reading,
    read_wrapping,
    recorded_options,
)
from events.management.base import LedgerCommand, refuse
from events.registrar import FIRST_AGENT, registrar
from events.store.connection import LedgerUnavailableError


class Command(LedgerCommand):
    """Exit status: 0 everything is in the ledger, 1 records were rejected, 2 could not run."""

    help = "Take log files into the ledger."
    requires_system_checks = []  # those are about the web pages

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        describe(parser)
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._run(options["files"], options)
        except IngestError as error:
            refuse(str(error))

    def _run(self, files: list[str], options: dict[str, Any]) -> None:
        size = None
        if options["follow"]:
            check_following(files, options)
        else:
            size = check_files(files, options)
        shows_preview = options["dry_run"] and not options["json"]
        with ExitStack() as stack:
            console = stack.enter_context(
                Console(
                    self.stderr,
                    size,
                    options["max_errors"],
                    options["verbosity"],
                    self.stdout if shows_preview else None,
                )
            )
            rejects = _open_rejects(stack, options["rejects"], files)
            ingestion = _ingestion(options, console, rejects)
            following = Following(ingestion, files) if options["follow"] else None
            if following:
                following.check(again=options["again"])
            else:
                _preview(ingestion, files, options, console)
            if ingestion.appending:
                stack.callback(ingestion.appending.close)
            failure = following.run() if following else ingestion.run(files)
        console.summarize(
            ingestion.reports,
            self.stdout,
            as_json=options["json"],
            dry_run=options["dry_run"],
            failure=failure,
        )
        if failure:
            refuse(failure)
        if any(report.counts.rejected for report in ingestion.reports):
            sys.exit(1)


def _preview(
    ingestion: Ingestion, files: list[str], options: dict[str, Any], console: Console
) -> None:
    """Show what will be recorded and, on a terminal, ask for confirmation."""
    try:
        ingestion.preview(files)
        for place in files:
            check_packed(place)
        if copies := ingestion.find_copies(files):
            listed = "\n".join(map(str, copies))
            if not (options["again"] or options["dry_run"]):
                raise IngestError(listed)
            console.say(listed)
    except IngestError as error:
        raise IngestError(f"{error}; nothing of it was written") from error
    if options["dry_run"] or options["yes"] or STDIN in files or not console.is_terminal:
        return
    what = files[0] if len(files) == 1 else f"{len(files):,} files"
    if not console.confirmed(f"Write {what} into the ledger?"):
        raise IngestError("nothing was written")


def _open_rejects(stack: ExitStack, name: str | None, files: list[str]) -> BinaryIO | None:
    if name is None:
        return None
    path = Path(name)
    if any(place != STDIN and path.exists() and path.samefile(place) for place in files):
        raise IngestError(f"--rejects {name} is one of the inputs")
    try:
        return stack.enter_context(path.open("wb"))
    except OSError as error:
        raise IngestError(f"--rejects {name} cannot be written: {error.strerror}") from error


def _ingestion(options: dict[str, Any], console: Console, rejects: BinaryIO | None) -> Ingestion:
    dry = options["dry_run"]
    reading = read_reading(options)
    mapping, recognizing = read_mapping(options)
    agents = _agents(options, console)
    if not (options["agents_from_field"] or options["no_new_agents"]):
        mapping = replace(
            mapping,
            agent=mapping.agent or FIRST_AGENT,
            own_name=agents.knows if agents else lambda name: False,
        )
    return Ingestion(
        mapping=mapping,
        recognizing=recognizing,
        reading=reading,
        batch_size=options["batch"],
        source=options["source"],
        listener=console,
        rejects=rejects,
        writer=None if dry else writer(),
        appending=None if dry else bulk_writer(),
        agents=None if dry else agents,
        wrapping=read_wrapping(options),
        max_rejects=options["max_rejects"],
        options=recorded_options(options),
    )


def _agents(options: dict[str, Any], console: Console) -> AgentKeys | None:
    """The agents' keys; None for a dry run while the ledger is unavailable."""
    try:
        return AgentKeys(registrar(), None if options["no_new_agents"] else console.new_agent)
    except LedgerUnavailableError:
        if options["dry_run"]:
            return None
        raise
