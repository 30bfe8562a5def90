"""The program of docs/http-signing.md that signs its own events runs as printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from django.conf import settings

from events.append.services import key_backend
from events.keys import writer_key
from events.store import registry
from events.tests.support import api
from events.tests.support.ledger import Ledger
from events.tests.support.writer import WRITER, Writer

TEXT = (settings.BASE_DIR / "docs" / "http-signing.md").read_text(encoding="utf-8")


def test_the_documented_program_signs_an_event(ledger: Ledger, tmp_path: Path) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert len(program.rstrip().splitlines()) <= 20
    file = tmp_path / "own.key"
    writer_key.create(file)
    own = Writer(seed=bytes.fromhex(file.read_text()))
    own.register()
    arguments = [str(file), registry.ledger_id("default"), WRITER, own.key_id]
    printed = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *arguments],
        capture_output=True,
        check=True,
    ).stdout
    answer = api.agent(WRITER).post("events", raw=printed)
    assert answer.status_code == 201, answer.content
    assert answer.json()["sig_alg_version"] == 2
    assert not key_backend().holds(own.key_id)
