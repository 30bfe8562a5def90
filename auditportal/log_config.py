"""Configures logging: text on stderr, JSON lines in a size-bounded file.

`LogFile` buffers routine lines for up to `PATIENCE_SECONDS` and writes them in one piece; warnings
are written at once. Writing line by line released the GIL twice a request, and reacquiring it under
load cost a tenth of the throughput. A killed process loses its buffered lines; the ledger loses
nothing. Standard output is left to the results of commands.

Invariant: a file is bounded by copy and truncate, because writers keep it open in append mode.
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
    """Open a log for appending, readable by us only; its folder is made if necessary."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    keep_bounded(path)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


def keep_bounded(path: Path, largest: int = LARGEST) -> None:
    """Move the content to `NAME.1` if the file exceeds its bound."""
    try:
        if path.stat().st_size <= largest:
            return
    except FileNotFoundError:
        return
    shutil.copyfile(path, path.with_name(path.name + ".1"))
    os.truncate(path, 0)


class DropDatabaseTracebacks(logging.Filter):
    """Drops the traceback (not the record) when a request fails because the database is
    unavailable.

    For the logger `django.request`; `RequestLog` logs the reason.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        if record.exc_info and isinstance(record.exc_info[1], AWAY):
            record.exc_info = None
        return True


PATIENCE_SECONDS = 0.2
MAX_LINES = 1000


class LogFile(logging.Handler):
    """Appends to a file that other processes append to as well; a line is never split."""

    def __init__(self, filename: str) -> None:
        super().__init__()
        self._path = Path(filename)
        self._start_afresh()
        os.register_at_fork(after_in_child=self._start_afresh)

    def _start_afresh(self) -> None:
        """Reset in a forked process, which has neither the thread nor a right to its parent's
        lines."""
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
        """Write the buffered lines in one piece; also called at exit.

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
        """Append to the file, opened each time so that a moved file is replaced."""
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, text)
        finally:
            os.close(file)

    def _write_soon(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="log", daemon=True)
            self._thread.start()
        self._is_wanted.set()

    def _run(self) -> None:
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


# For every line, from structlog and from the standard library.
_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.UnicodeDecoder(),
]


def configure_structlog() -> None:
    """Pass structlog's lines to the standard library's handlers."""
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


# Without local variables, which contain payloads and tokens.
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

    With a file, the terminal shows errors only, else warnings too. DEBUG shows everything there.
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
            # Their errors, such as an unavailable database, do not stop the worker.
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
    """Send the lines of one logger to a file only, for a process with its own terminal messages."""
    handler, form = LogFile(str(file)), _json_formatter()
    handler.setFormatter(form.pop("()")(**form))
    logger = logging.getLogger(name)
    logger.handlers, logger.propagate = [handler], False
