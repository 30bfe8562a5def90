"""The three groups, and the accounts of people that are put into them."""

from __future__ import annotations

import io
import json

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.test import Client

from events.accounts.roles import GROUPS, READ, SEE_ACCESS, ensure_groups, group_of, may
from events.tests.support.ledger import Ledger


def account(*words: str) -> str:
    out = io.StringIO()
    call_command("account", *words, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def person(name: str) -> User:
    return User.objects.get(username=name)


def test_every_right_of_a_group_is_there(ledger: Ledger) -> None:
    for name, rights in GROUPS.items():
        account("add", name, "--group", name, "--generate")
        assert person(name).get_all_permissions() == set(rights)
        assert person(name).is_staff is (name != "auditor")
        assert not person(name).is_superuser


def test_a_generated_password_is_alone_on_stdout_and_opens_the_door(ledger: Ledger) -> None:
    password = account("add", "zoe", "--group", "auditor", "--generate").strip()
    client = Client()
    answer = client.post("/login/", {"username": "zoe", "password": password})
    assert answer.status_code == 302
    assert client.get("/events/").status_code == 200
    assert client.get("/admin/").status_code == 302


def test_a_password_comes_over_standard_input(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery\n"))
    account("add", "zoe", "--group", "operator")
    assert person("zoe").check_password("correct horse battery")


@pytest.mark.parametrize("password", ["short", "password1234", ""])
def test_a_weak_password_makes_no_account(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    with pytest.raises(CommandError):
        account("add", "zoe", "--group", "operator")
    assert not User.objects.filter(username="zoe").exists()


def test_a_moved_account_has_only_the_new_groups_rights(ledger: Ledger) -> None:
    account("add", "zoe", "--group", "administrator", "--generate")
    account("set-group", "zoe", "auditor")
    assert group_of(person("zoe")) == "auditor"
    assert not person("zoe").is_staff
    assert not person("zoe").has_perm("auth.add_user")


def test_a_disabled_account_is_signed_out_at_once(ledger: Ledger) -> None:
    account("add", "zoe", "--group", "auditor", "--generate")
    client = Client()
    client.force_login(person("zoe"))
    assert client.get("/events/").status_code == 200
    answer = json.loads(account("disable", "zoe", "--json"))
    assert answer == {"name": "zoe", "active": False, "sessions_ended": 1}
    assert client.get("/events/").status_code == 302
    account("enable", "zoe")
    assert client.get("/events/").status_code == 302


def test_lists_people_and_not_the_account_of_tokens(ledger: Ledger) -> None:
    call_command("issue_token", "--observer", stdout=io.StringIO(), stderr=io.StringIO())
    account("add", "zoe", "--group", "auditor", "--generate")
    assert [each["name"] for each in json.loads(account("list", "--json"))] == ["zoe"]
    with pytest.raises(CommandError, match="there is no account api"):
        account("disable", "api")


def test_an_account_in_no_group_sees_nothing(ledger: Ledger) -> None:
    nobody = User.objects.create_user("zoe")
    assert not may(nobody, READ)
    client = Client()
    client.force_login(nobody)
    for page in ("/", "/events/", "/access/", "/verifications/", "/ceremonies/", "/watch/"):
        assert client.get(page).status_code == 403, page
    assert client.get("/account/").status_code == 200


def test_accounts_older_than_the_groups_keep_their_rights(ledger: Ledger) -> None:
    Group.objects.all().delete()
    User.objects.create_user("api")
    User.objects.create_user("reader")
    User.objects.create_superuser("chief", password="correct horse battery")
    ensure_groups()
    assert {name: group_of(person(name)) for name in ("api", "reader", "chief")} == {
        "api": None,
        "reader": "auditor",
        "chief": "administrator",
    }
    newcomer = User.objects.create_user("newcomer")
    ensure_groups()
    assert group_of(newcomer) is None


def test_an_auditor_sees_and_an_operator_acts(ledger: Ledger) -> None:
    clients = {}
    for name in GROUPS:
        account("add", name, "--group", name, "--generate")
        clients[name] = Client()
        clients[name].force_login(person(name))
    assert may(person("auditor"), SEE_ACCESS)
    assert clients["auditor"].get("/halt/").status_code == 200  # what to do is for every reader
    assert clients["auditor"].post("/halt/").status_code == 403
    assert clients["operator"].post("/halt/").status_code == 400  # it has no reason
    assert clients["operator"].get("/admin/events/apitoken/").status_code == 200
    assert clients["operator"].get("/admin/auth/user/").status_code == 403
    assert clients["administrator"].get("/admin/auth/user/").status_code == 200


def test_an_administrator_makes_no_superuser(ledger: Ledger) -> None:
    """Nobody gives away what he has not."""
    account("add", "boss", "--group", "administrator", "--generate")
    account("add", "zoe", "--group", "auditor", "--generate")
    chief = User.objects.create_superuser("chief", password="correct horse battery")
    client = Client()
    client.force_login(person("boss"))
    form = {
        "username": "zoe",
        "is_active": "on",
        "is_superuser": "on",
        "groups": [Group.objects.get(name="operator").pk],
    }
    answer = client.post(f"/admin/auth/user/{person('zoe').pk}/change/", form)
    assert answer.status_code == 302, answer.content
    assert not person("zoe").is_superuser
    assert person("zoe").is_staff  # it follows from the group
    assert client.post(f"/admin/auth/user/{chief.pk}/change/", form).status_code == 403
    assert client.get(f"/admin/auth/user/{chief.pk}/password/").status_code == 403


def test_nobody_sees_the_secret_of_a_second_factor_in_the_admin(ledger: Ledger) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("chief", password="correct horse battery"))
    for model in ("otp_totp/totpdevice", "otp_static/staticdevice"):
        assert client.get(f"/admin/{model}/").status_code == 404
