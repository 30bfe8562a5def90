"""How log lines look and where they go: for people on stderr, as JSON in a file.

It must never write to standard output, which belongs to what a command answers.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import orjson
import structlog
from structlog.typing import Processor

from auditportal.log_file import LogFile


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
            "class": "auditportal.log_file.LogFile",
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
        "filters": {"calm": {"()": "auditportal.calm.Calm"}},
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
