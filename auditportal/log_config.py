"""How log lines look and where they go: for people on stderr, as JSON in a file.

It must never write to standard output, which belongs to what a command answers.

Log files that never outgrow a bound, whoever holds them open.

It must never lose the newest lines: the file is copied aside and then emptied in place, because
its writers hold it open in append mode and do not reopen it.

Takes the traceback from what Django logs of a request whose database went away.

It must never take a line, nor the traceback of anything else.

The log file of a server: what goes well is written some lines at a time, trouble at once.

It must never split a line, since several processes append to one file, nor keep one for longer
than `PATIENCE_SECONDS`. What is killed takes the lines of that time along; the ledger loses none.

Writing each line by itself gave the interpreter away twice a request, and every thread that does
so under load waits for it to come back: a tenth of what the server could do.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import threading
from pathlib import Path
from typing import IO, Any

import orjson
import structlog
from structlog.typing import Processor

from events.store.connection import AWAY

LARGEST = 10 * 1024 * 1024


def open_log(path: Path) -> IO[bytes]:
    """Open a log for appending, closed to others, its folder made if need be."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    keep_bounded(path)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


def keep_bounded(path: Path, largest: int = LARGEST) -> None:
    """Move the content to `NAME.1` when the file has outgrown its bound."""
    try:
        if path.stat().st_size <= largest:
            return
    except FileNotFoundError:
        return
    shutil.copyfile(path, path.with_name(path.name + ".1"))
    os.truncate(path, 0)


class DropDatabaseTracebacks(logging.Filter):
    """For the logger `django.request`; `RequestLog` says what was away, in a line of its own."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        if record.exc_info and isinstance(record.exc_info[1], AWAY):
            record.exc_info = None
        return True


PATIENCE_SECONDS = 0.2
MAX_LINES = 1000


class LogFile(logging.Handler):
    """Appends to a file that others append to as well."""

    def __init__(self, filename: str) -> None:
        super().__init__()
        self._path = Path(filename)
        self._start_afresh()
        os.register_at_fork(after_in_child=self._start_afresh)

    def _start_afresh(self) -> None:
        """A forked process has neither the thread nor the right to its parent's lines."""
        self._lines: list[str] = []
        self._is_wanted = threading.Event()
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Called by `handle`, which holds the handler's lock."""
        try:
            self._lines.append(self.format(record) + "\n")
            if record.levelno >= logging.WARNING or len(self._lines) >= MAX_LINES:
                self.flush()
            elif len(self._lines) == 1:
                self._write_soon()
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        """Write what is there, as one piece; the interpreter calls it when it ends.

        Raises:
            OSError: the lines cannot be written, and are lost.
        """
        self.acquire()
        try:
            lines, self._lines = self._lines, []
            if lines:
                self._append("".join(lines).encode(errors="backslashreplace"))
        finally:
            self.release()

    def _append(self, text: bytes) -> None:
        """Opened each time: whoever moves the file aside is followed."""
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, text)
        finally:
            os.close(file)

    def _write_soon(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._write_for_ever, name="log", daemon=True)
            self._thread.start()
        self._is_wanted.set()

    def _write_for_ever(self) -> None:
        pause = threading.Event()
        while self._is_wanted.wait():
            pause.wait(PATIENCE_SECONDS)
            self._is_wanted.clear()
            try:
                self.flush()
            except OSError as error:
                sys.stderr.write(f"log lines are lost, {self._path}: {error.strerror}\n")


def _json(value: Any, **_: Any) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


# What every line gets, whether it comes from structlog or from the standard library.
_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.UnicodeDecoder(),
]


def configure_structlog() -> None:
    """Hand structlog's lines to the standard library, where the handlers are."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


# Without the frames' variables: they hold payloads and tokens.
_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


def _formatter(*last: Processor) -> dict[str, Any]:
    strip = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": _SHARED,
        "processors": [strip, *last],
    }


def _json_formatter() -> dict[str, Any]:
    return _formatter(_TRACEBACKS, structlog.processors.JSONRenderer(_json))


def logging_settings(level: str, file: str) -> dict[str, Any]:
    """The LOGGING setting.

    The terminal is for what an operator must see: what goes well is said in the file alone, and
    so is a warning where there is one. Who asks for DEBUG gets everything on the terminal too.
    """
    shown = "DEBUG" if level == "DEBUG" else "ERROR" if file else "WARNING"
    handlers: dict[str, Any] = {
        "stderr": {"class": "logging.StreamHandler", "formatter": "text", "level": shown},
    }
    if file:
        handlers["file"] = {
            "class": "auditportal.log_config.LogFile",
            "filename": file,
            "formatter": "json",
        }
    also = ["file"] if file else []
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "text": _formatter(console),
            "json": _json_formatter(),
        },
        "filters": {"calm": {"()": "auditportal.log_config.DropDatabaseTracebacks"}},
        "handlers": handlers,
        "root": {"handlers": ["stderr", *also], "level": level},
        "loggers": {
            # What they call errors, such as a database that went away, the worker survives.
            "procrastinate": {"handlers": also or ["stderr"], "propagate": False},
            "asyncio": {"handlers": also or ["stderr"], "propagate": False},
            "django.request": {
                "handlers": ["stderr", *also],
                "level": "ERROR",
                "filters": ["calm"],
                "propagate": False,
            },
            "django.server": {"handlers": ["stderr"], "propagate": False},
        },
    }


def keep_in_file(name: str, file: Path) -> None:
    """Have the lines of one logger go to a server's file alone: its process tells the terminal in
    words of its own."""
    handler, form = LogFile(str(file)), _json_formatter()
    handler.setFormatter(form.pop("()")(**form))
    logger = logging.getLogger(name)
    logger.handlers, logger.propagate = [handler], False
