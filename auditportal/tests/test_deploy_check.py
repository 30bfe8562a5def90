"""`check --deploy` reports nothing with production settings.

A silenced check needs a test here instead.
"""

from __future__ import annotations

import os
import subprocess
import sys

from django.conf import settings
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.module_loading import import_string

from auditportal.env import BASE_DIR

PRODUCTION = {
    "DATABASE_URL": "postgresql://portal_app:secret@192.0.2.1/portal",
    "DJANGO_SECRET_KEY": "".join(map(chr, range(40, 122))),
    "PORTAL_HTTPS": "1",
    "PORTAL_TRUSTED_PROXIES": "1",
    "PORTAL_ALLOWED_HOSTS": "ledger.example.org",
}


def test_production_is_clean() -> None:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    ended = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=BASE_DIR,
        env=kept | PRODUCTION,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    assert "no issues (3 silenced)" in ended.stdout + ended.stderr


def test_forms_of_other_sites_are_refused_though_the_check_does_not_see_it() -> None:
    """security.W003 looks for the exact name of Django's middleware."""
    found = [import_string(name) for name in settings.MIDDLEWARE]
    assert any(isinstance(each, type) and issubclass(each, CsrfViewMiddleware) for each in found)
