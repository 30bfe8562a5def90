"""The log file of a server: what goes well is written some lines at a time, trouble at once.

It must never split a line, since several processes append to one file, nor keep one for longer
than `PATIENCE_SECONDS`. What is killed takes the lines of that time along; the ledger loses none.

Writing each line by itself gave the interpreter away twice a request, and every thread that does
so under load waits for it to come back: a tenth of what the server could do.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from pathlib import Path

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
