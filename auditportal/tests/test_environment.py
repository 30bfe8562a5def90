"""Settings come from the environment, and an invalid one is refused by name."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from auditportal import env

Manage = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in env.ENVIRONMENT:
        monkeypatch.delenv(variable.name, raising=False)


def test_each_variable_is_in_the_table_once_with_its_purpose() -> None:
    names = [variable.name for variable in env.ENVIRONMENT]
    assert len(set(names)) == len(names)
    assert all(variable.help for variable in env.ENVIRONMENT)


def test_settings_read_no_variable_past_the_table() -> None:
    project = env.BASE_DIR / "auditportal"
    sources = "\n".join(path.read_text() for path in (project / "settings.py", project / "wsgi.py"))
    assert "os.environ[" not in sources
    assert "os.getenv" not in sources
    with pytest.raises(KeyError):
        env.read_str("PORTAL_UNHEARD_OF")


def test_empty_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "  ")
    assert env.read_int("PORT", 1, 65535) == 8000


@pytest.mark.parametrize("text", ["eighty", "80.0", "0", "65536", "-1"])
def test_refuses_a_bad_number(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("PORT", text)
    with pytest.raises(ImproperlyConfigured, match=f"PORT={text} is not"):
        env.read_int("PORT", 1, 65535)


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("Yes", True), ("0", False), ("off", False)]
)
def test_reads_a_switch(monkeypatch: pytest.MonkeyPatch, text: str, value: bool) -> None:
    monkeypatch.setenv("PORTAL_SAMPLE", text)
    assert env.read_bool("PORTAL_SAMPLE") is value


def test_refuses_a_bad_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_SAMPLE", "maybe")
    with pytest.raises(ImproperlyConfigured, match="PORTAL_SAMPLE=maybe is neither 1 nor 0"):
        env.read_bool("PORTAL_SAMPLE")


def test_refuses_a_bad_log_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_LOG_LEVEL", "loud")
    with pytest.raises(ImproperlyConfigured, match="PORTAL_LOG_LEVEL=loud is not one of DEBUG"):
        env.read_log_level("PORTAL_LOG_LEVEL")


def test_the_default_home_lies_in_the_project_and_a_given_one_where_we_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert env.read_path("PORTAL_HOME") == env.BASE_DIR / ".portal"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PORTAL_HOME", "mine")
    assert env.read_path("PORTAL_HOME") == tmp_path / "mine"


def test_reads_a_database_url_as_libpq_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "DATABASE_URL", "postgresql://me:p%40ss@db.example:6432/ledger?sslmode=verify-full"
    )
    assert env.read_database("DATABASE_URL") == {
        "ENGINE": "events.store.engine",
        "NAME": "ledger",
        "USER": "me",
        "PASSWORD": "p@ss",
        "HOST": "db.example",
        "PORT": "6432",
        "OPTIONS": {"sslmode": "verify-full"},
    }


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://me:geheim@db/x", "is not a postgresql:// URL"),
        ("postgresql://me:geheim@db", "names no database"),
        ("postgresql://me:geheim@db/x?colour=red", "is not a usable PostgreSQL URL"),
        ("postgresql://me:geheim@[db/x", "is not a usable PostgreSQL URL"),
        ("postgresql://me:geheim%zz@db/x", "is not a usable PostgreSQL URL"),
    ],
)
def test_refuses_a_bad_database_url_without_telling_its_password(
    monkeypatch: pytest.MonkeyPatch, url: str, says: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ImproperlyConfigured, match=f"DATABASE_URL {says}") as refusal:
        env.read_database("DATABASE_URL")
    assert "geheim" not in str(refusal.value)


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"PORT": "eighty"}, "PORT=eighty is not a whole number"),
        ({"DATABASE_URL": "postgresql://db/x"}, "DJANGO_SECRET_KEY is not set"),
        ({"OWNER_DATABASE_URL": "postgresql://db/x"}, "OWNER_DATABASE_URL is set without"),
        ({"OBSERVER_DATABASE_URL": "postgresql://db/x"}, "OBSERVER_DATABASE_URL is set without"),
        ({"PORTAL_WORKERS": "0"}, "PORTAL_WORKERS=0 is not between 1 and 256"),
    ],
)
def test_a_command_answers_a_bad_setting_with_one_line(
    manage: Manage, home: Path, environment: dict[str, str], says: str
) -> None:
    ran = manage("portal", **environment)
    assert ran.returncode == 2
    assert says in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert not home.exists()


def test_importing_the_settings_makes_nothing(manage: Manage, home: Path) -> None:
    ran = manage("check")
    assert ran.returncode == 0, ran.stderr
    assert not home.exists()


def test_the_secret_key_is_made_once_and_closed_to_others(manage: Manage, home: Path) -> None:
    show = "from django.conf import settings; print(settings.SECRET_KEY)"
    keys = [manage("shell", "--no-imports", "-c", show).stdout.strip() for _ in range(2)]
    assert keys[0] == keys[1]
    assert len(keys[0]) >= 50
    assert (home / "secret_key").stat().st_mode & 0o777 == 0o600
    assert manage("shell", "--no-imports", "-c", show, DJANGO_SECRET_KEY="x" * 50).stdout == (
        "x" * 50 + "\n"
    )
