"""A short soak: mixed load over HTTP, PostgreSQL killed, nothing acknowledged lost."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from auditportal.env import BASE_DIR


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.timeout(280)
def test_nothing_acknowledged_is_lost_when_postgresql_is_killed_under_load() -> None:
    soak = subprocess.run(
        [sys.executable, "-m", "bench.soak", "--minutes=1", "--minute=16", "--json"],
        cwd=BASE_DIR, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert soak.returncode == 0, soak.stdout + soak.stderr
    found = json.loads(soak.stdout)
    assert [kill["role"] for kill in found["kills"]] == ["PostgreSQL"]
    assert found["kills"][0]["acknowledged"] > 0
    assert all(check["good"] for check in found["checks"])
