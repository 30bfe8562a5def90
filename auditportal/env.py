"""Reads the environment variables of the portal. An invalid value stops the start, by name."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
from django.core.exceptions import ImproperlyConfigured
from psycopg.conninfo import conninfo_to_dict

BASE_DIR = Path(__file__).resolve().parent.parent
TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off"})
FINDINGS = ("head", "fork", "chain", "gap", "stray", "guards")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


@dataclass(frozen=True)
class Variable:
    """An environment variable: its name, its default as text, its purpose."""

    name: str
    default: str
    help: str


ENVIRONMENT: tuple[Variable, ...] = (
    Variable("PORTAL_HOME", ".portal", "folder of the embedded database, keys, logs and secrets"),
    Variable("PORT", "8000", "port the portal listens on"),
    Variable("PORTAL_BIND", "127.0.0.1", "address the portal listens on"),
    Variable(
        "PORTAL_SAMPLE", "1", "1 lets sample agents write into an empty embedded ledger; 0 does not"
    ),
    Variable("DATABASE_URL", "", "PostgreSQL of your own; empty runs the embedded one"),
    Variable("OWNER_DATABASE_URL", "", "the role that migrates; empty: DATABASE_URL"),
    Variable("OBSERVER_DATABASE_URL", "", "database that observers read, such as a replica"),
    Variable("ADMIN_DATABASE_URL", "", "role that may create roles, for database_roles --apply"),
    Variable(
        "PORTAL_DATABASE_ADMINS",
        "",
        "known superusers and other powerful roles, separated by commas",
    ),
    Variable("PORTAL_REPLICA_LAG", "30", "seconds a replica may lag before the primary serves"),
    Variable("PORTAL_KEY_DIR", "", "folder of the private keys; empty: PORTAL_HOME/keys"),
    Variable(
        "DJANGO_SECRET_KEY",
        "",
        "secret of sessions, forms and seals; generated in PORTAL_HOME, required with DATABASE_URL",
    ),
    Variable("DJANGO_DEBUG", "0", "1 shows tracebacks in the browser; for development only"),
    Variable(
        "PORTAL_ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]", "host names that the portal serves"
    ),
    Variable("PORTAL_HTTPS", "0", "1 behind a TLS proxy: secure cookies, X-Forwarded-Proto, HSTS"),
    Variable(
        "PORTAL_TRUSTED_ORIGINS", "", "origins whose forms are accepted, such as https://a.org"
    ),
    Variable("PORTAL_TRUSTED_PROXIES", "0", "proxies in front that write X-Forwarded-For; 0: none"),
    Variable("PORTAL_PUBLIC_READING", "0", "1 lets anybody read the ledger, and nothing else"),
    Variable(
        "PORTAL_REQUIRE_SECOND_FACTOR",
        "",
        "1: operators and administrators need a second factor; empty: as PORTAL_HTTPS",
    ),
    Variable("PORTAL_IDLE_MINUTES", "60", "minutes after which an unused session ends"),
    Variable(
        "PORTAL_LIMIT_WRITES", "5000", "writing requests/s of a token in a process; 0: no limit"
    ),
    Variable(
        "PORTAL_LIMIT_READS", "5000", "reading requests/s of a token in a process; 0: no limit"
    ),
    Variable(
        "PORTAL_LIMIT_ADDRESS", "100", "requests/s of an address without valid token; 0: no limit"
    ),
    Variable(
        "PORTAL_LIMIT_SIGN_IN", "30", "passwords and codes an address may try a minute; 0: no limit"
    ),
    Variable("PORTAL_PROPOSAL_DAYS", "30", "days until a proposal of a ceremony expires, 1 to 366"),
    Variable("PORTAL_WORKERS", "2", "web processes"),
    Variable("PORTAL_THREADS", "32", "requests one web process answers at once"),
    Variable("PORTAL_WATCH_HOURS", "24", "hours within which the watch verifies every event again"),
    Variable("PORTAL_WATCH_HALT_ON", "", f"findings that halt: {', '.join(FINDINGS)}"),
    Variable("PORTAL_ALERT_EMAIL_TO", "", "e-mail addresses for findings, separated by commas"),
    Variable("PORTAL_ALERT_EMAIL_FROM", "audit-portal@localhost", "sender of those e-mails"),
    Variable("PORTAL_SMTP_URL", "smtp://localhost:25", "mail server: smtp:// or smtps://"),
    Variable("PORTAL_ALERT_WEBHOOK_URL", "", "webhook for findings, http:// or https://"),
    Variable(
        "PORTAL_ALERT_WEBHOOK_SECRET",
        "",
        "key that signs the webhook's requests; 32 characters or more",
    ),
    Variable("PORTAL_LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING, ERROR or CRITICAL"),
    Variable("PORTAL_LOG_FILE", "", "also write JSON log lines to this file; `portal` sets it"),
)
_DEFAULTS = {variable.name: variable.default for variable in ENVIRONMENT}


def read_str(name: str) -> str:
    """The text of a registered variable; empty counts as unset."""
    return os.environ.get(name, "").strip() or _DEFAULTS[name]


def read_bool(name: str) -> bool:
    """1 or 0, and the usual words for them."""
    text = read_str(name).lower()
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    raise _wrong(name, "is neither 1 nor 0")


def read_int(name: str, least: int, most: int) -> int:
    """A whole number from `least` to `most`."""
    try:
        number = int(read_str(name))
    except ValueError:
        raise _wrong(name, "is not a whole number") from None
    if not least <= number <= most:
        raise _wrong(name, f"is not between {least} and {most}")
    return number


def read_list(name: str) -> list[str]:
    """Words between commas."""
    return [word for part in read_str(name).split(",") if (word := part.strip())]


def read_words(name: str, known: tuple[str, ...]) -> list[str]:
    """Words between commas, each from `known`."""
    words = read_list(name)
    for word in words:
        if word not in known:
            raise _wrong(name, f"is not one of {', '.join(known)}")
    return words


def read_url(name: str, schemes: tuple[str, ...]) -> str:
    """A URL with a host, or ""."""
    text = read_str(name)
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        # Without the value, which may contain a password.
        raise ImproperlyConfigured(f"{name} is not a URL of {' or '.join(schemes)} with a host")
    return text


def read_smtp(name: str) -> dict[str, Any]:
    """Django's settings of a mail server. smtps:// means implicit TLS; smtp:// requires STARTTLS,
    except on this machine."""
    parts = urlsplit(read_url(name, ("smtp", "smtps")))
    implicit = parts.scheme == "smtps"
    return {
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or (465 if implicit else 587),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": implicit,
        "EMAIL_USE_TLS": not implicit and parts.hostname not in ("localhost", "127.0.0.1", "::1"),
        "EMAIL_TIMEOUT": 10,
    }


def read_log_level(name: str) -> str:
    """One of the five levels, in capitals."""
    level = read_str(name).upper()
    if level not in LOG_LEVELS:
        raise _wrong(name, f"is not one of {', '.join(LOG_LEVELS)}")
    return level


def read_path(name: str, default: Path | None = None) -> Path:
    """An absolute path. A relative default is in the project, a relative value in the working
    folder."""
    if not os.environ.get(name, "").strip():
        return default or BASE_DIR / _DEFAULTS[name]
    try:
        return Path(read_str(name)).expanduser().absolute()
    except RuntimeError:
        raise _wrong(name, "names an unknown user's folder") from None


def read_database(name: str) -> dict[str, Any] | None:
    """Django's settings of a PostgreSQL URL, or None if the variable is unset.

    libpq parses the URL, so all of its parameters are accepted.
    """
    url = read_str(name)
    if not url:
        return None
    if not url.startswith(("postgres://", "postgresql://")):
        raise ImproperlyConfigured(f"{name} is not a postgresql:// URL")
    try:
        options: dict[str, Any] = dict(conninfo_to_dict(url))
    except psycopg.Error as error:
        # libpq's reason may quote the URL, whose password must not reach a log.
        reason = str(error).split(":")[0].split('"')[0].strip()
        raise ImproperlyConfigured(f"{name} is not a usable PostgreSQL URL ({reason})") from None
    if not options.get("dbname"):
        raise ImproperlyConfigured(f"{name} names no database (postgresql://host/DATABASE)")
    known = {
        "NAME": options.pop("dbname"),
        "USER": options.pop("user", ""),
        "PASSWORD": options.pop("password", ""),
        "HOST": options.pop("host", ""),
        "PORT": str(options.pop("port", "")),
    }
    return {"ENGINE": "events.store.engine", **known, "OPTIONS": options}


def _wrong(name: str, what: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{name}={read_str(name)} {what}")
