#!/usr/bin/env python3
"""The command line of the portal; works from any folder.

Expected failures are one line on stderr; only bugs show a traceback.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType


def main() -> None:
    """Run a command; exit code 2 means that it could not run."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "auditportal.settings")
    try:
        from django.core.management import execute_from_command_line
    except ModuleNotFoundError as error:
        sys.exit(f"{error}; use .venv/bin/python, created by `make run`")
    from auditportal.failures import EXIT_COULD_NOT_RUN, explain

    # Exit normally, so that an embedded server started by this process is stopped.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        from django.conf import settings

        settings.INSTALLED_APPS  # noqa: B018 - report a bad setting before looking for the command
        execute_from_command_line(sys.argv)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        line = None if "--traceback" in sys.argv else explain(error)
        if line is None:
            raise
        from events.format.names import show

        print(f"manage.py: {show(line)}", file=sys.stderr)  # noqa: T201
        sys.exit(EXIT_COULD_NOT_RUN)


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
