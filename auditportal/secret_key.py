"""Django's secret key with the embedded database: created once, kept private in the home folder."""

from __future__ import annotations

import os
import secrets
from functools import cache
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from auditportal.embedded.errors import EmbeddedPostgresError
from auditportal.embedded.location import make_home


@cache
def kept_secret_key(home: Path) -> str:
    """The key of this home folder. Concurrent first starts agree, since a hard link does not
    replace."""
    path = home / "secret_key"
    try:
        if not path.exists():
            make_home(home)
            _make(path)
        key = path.read_text().strip()
    except EmbeddedPostgresError as error:
        raise ImproperlyConfigured(str(error)) from error
    except OSError as error:
        raise ImproperlyConfigured(
            f"cannot store the secret key in {path}: {error.strerror}"
        ) from error
    if len(key) < 50:
        raise ImproperlyConfigured(f"{path} holds no valid secret key; remove it to make a new one")
    return key


def _make(path: Path) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(64))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)
        except FileExistsError:
            return
    finally:
        fresh.unlink(missing_ok=True)
