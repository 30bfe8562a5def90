"""The door: passwords tried in vain, the second factor, sessions that end."""

from __future__ import annotations

import threading
import time
from collections import Counter
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from events.access import limits
from events.accounts.roles import set_group
from events.accounts.session_limits import BEGAN, USED
from events.tests.support.ledger import Ledger

PASSWORD = "correct horse battery"


@pytest.fixture
def zoe(ledger: Ledger) -> User:
    """An operator."""
    person = User.objects.create_user("zoe", password=PASSWORD)
    set_group(person, "operator")
    return person


def try_(client: Client, name: str, password: str, **extra: str) -> int:
    answer = client.post("/login/", {"username": name, "password": password}, **extra)  # type: ignore[arg-type]
    return int(answer.status_code)


def code_of(person: User, *, confirmed: bool = True) -> str:
    """The code that the device shows now, made usable again within its half minute."""
    device = TOTPDevice.objects.get(user=person, confirmed=confirmed)
    TOTPDevice.objects.filter(pk=device.pk).update(
        last_t=-1, throttling_failure_timestamp=None, throttling_failure_count=0
    )
    return f"{totp(device.bin_key):06}"


def test_a_thousand_wrong_passwords_open_nothing_and_lock_the_name(
    zoe: User, settings: Settings
) -> None:
    settings.PORTAL_LIMIT_SIGN_IN = 0
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    client = Client()
    found = Counter(try_(client, "zoe", f"guess {n}") for n in range(1000))
    assert found == {200: 4, 429: 996}
    assert try_(client, "zoe", PASSWORD) == 429
    answer = client.post("/login/", {"username": "zoe", "password": PASSWORD})
    assert answer["Retry-After"] == "900"
    assert "5 wrong passwords" in answer.content.decode()
    assert "_auth_user_id" not in client.session


def test_a_thousand_names_from_one_address_are_slowed_down(
    ledger: Ledger, settings: Settings
) -> None:
    settings.PORTAL_LIMIT_SIGN_IN = 3
    found = [
        try_(Client(), f"name-{n}", "guess", HTTP_X_FORWARDED_FOR=f"10.0.0.{n}") for n in range(5)
    ]
    assert found == [200, 200, 200, 429, 429]


def test_tries_are_counted_over_all_processes(ledger: Ledger, settings: Settings) -> None:
    settings.PORTAL_LIMIT_SIGN_IN = 6
    taken: list[bool] = []
    together = threading.Barrier(4)

    def try_often() -> None:
        """As in a process of its own: with a connection of its own, at the same moment."""
        together.wait()
        taken.extend(not limits.take_sign_in("203.0.113.7") for _ in range(5))
        connections.close_all()

    threads = [threading.Thread(target=try_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) in (6, 7), "one may have come back meanwhile"
    assert not limits.take_sign_in("203.0.113.8"), "another address"
    ledger.tamper("UPDATE sign_in_buckets SET at = at - interval '10 seconds'")
    assert not limits.take_sign_in("203.0.113.7"), "a try comes back every ten seconds"
    assert limits.take_sign_in("203.0.113.7") == 10
    ledger.tamper("UPDATE sign_in_buckets SET at = at - interval '2 minutes'")
    assert not limits.take_sign_in("203.0.113.7")
    assert ledger.query("SELECT network, level FROM sign_in_buckets") == [("203.0.113.7", 5.0)]


def test_a_name_is_locked_for_the_address_that_guessed_alone(zoe: User, settings: Settings) -> None:
    settings.PORTAL_TRUSTED_PROXIES = 1
    for n in range(6):
        try_(Client(), "zoe", f"guess {n}", HTTP_X_FORWARDED_FOR="203.0.113.7")
    assert try_(Client(), "zoe", PASSWORD, HTTP_X_FORWARDED_FOR="203.0.113.7") == 429
    assert try_(Client(), "zoe", PASSWORD, HTTP_X_FORWARDED_FOR="203.0.113.8") == 302


def test_the_door_tells_nobody_which_names_there_are(zoe: User) -> None:
    User.objects.create_user("off", password=PASSWORD, is_active=False)

    def told(name: str, password: str) -> list[tuple[int, str]]:
        said = []
        for _ in range(6):
            answer = Client().post("/login/", {"username": name, "password": password})
            page = answer.content.decode().replace(name, "NAME")
            said.append((answer.status_code, page[page.index("<main") :].split("csrf")[0]))
        return said

    assert told("zoe", "guess") == told("nobody", "guess") == told("off", PASSWORD)


def test_the_admin_has_no_door_of_its_own(ledger: Ledger) -> None:
    answer = Client().get("/admin/login/?next=/admin/")
    assert answer["Location"] == "/login/?next=/admin/"


def test_an_operator_sets_up_a_second_factor_before_anything_else(
    zoe: User, settings: Settings
) -> None:
    settings.PORTAL_REQUIRE_SECOND_FACTOR = True
    client = Client()
    assert try_(client, "zoe", PASSWORD) == 302
    for page in ("/", "/admin/", "/events/", "/account/password/"):
        answer = client.get(page)
        assert answer["Location"].startswith("/account/second-factor/set-up/?next="), page
    assert client.get("/api/v1/head").status_code == 401
    assert client.post("/halt/", {"reason": "x"}).status_code == 302

    shown = client.get("/account/second-factor/set-up/?next=/events/").content.decode()
    assert "<svg" in shown
    assert "style=" not in shown
    wrong = client.post("/account/second-factor/set-up/", {"code": "000000"})
    assert "Wrong code." in wrong.content.decode()
    before = client.session.session_key
    answer = client.post(
        "/account/second-factor/set-up/",
        {"code": code_of(zoe, confirmed=False), "next": "/events/"},
    )
    assert len(answer.context["codes"]) == 10
    assert client.session.session_key != before
    assert client.get("/events/").status_code == 200
    assert client.get("/admin/").status_code == 200
    assert client.get("/api/v1/head").status_code == 200


def test_an_account_with_a_second_factor_is_asked_for_it(zoe: User) -> None:
    client = Client()
    client.force_login(zoe)
    client.get("/account/second-factor/set-up/")
    answer = client.post("/account/second-factor/set-up/", {"code": code_of(zoe, confirmed=False)})
    recovery = answer.context["codes"]

    other = Client()
    assert try_(other, "zoe", PASSWORD) == 302
    assert other.get("/events/?limit=50")["Location"] == (
        "/account/second-factor/?next=%2Fevents%2F%3Flimit%3D50"
    )
    assert other.get("/account/second-factor/set-up/")["Location"] == "/account/second-factor/"
    assert other.post("/account/second-factor/remove").status_code == 302
    assert other.get("/api/v1/head").status_code == 401
    wrong = other.post("/account/second-factor/", {"code": "000000"})
    assert wrong.status_code == 200
    shown = {"code": code_of(zoe), "next": "https://elsewhere.example/"}
    assert other.post("/account/second-factor/", shown)["Location"] == "/"
    assert other.get("/events/").status_code == 200

    third = Client()
    try_(third, "zoe", PASSWORD)
    assert third.post("/account/second-factor/", {"code": recovery[0].upper()})["Location"] == "/"
    assert third.get("/events/").status_code == 200
    fourth = Client()
    try_(fourth, "zoe", PASSWORD)
    again = fourth.post("/account/second-factor/", {"code": recovery[0]})
    assert again.status_code == 200  # each works once
    kept = set(StaticToken.objects.values_list("token", flat=True))
    assert len(kept) == 9
    assert kept.isdisjoint(recovery)  # digests alone


def test_a_code_is_taken_once(zoe: User) -> None:
    client = Client()
    client.force_login(zoe)
    client.get("/account/second-factor/set-up/")
    client.post("/account/second-factor/set-up/", {"code": code_of(zoe, confirmed=False)})
    code = code_of(zoe)
    for expected in (302, 200):
        other = Client()
        other.force_login(zoe)
        assert other.post("/account/second-factor/", {"code": code}).status_code == expected


def test_a_required_second_factor_is_not_removed(zoe: User, settings: Settings) -> None:
    client = Client()
    client.force_login(zoe)
    client.get("/account/second-factor/set-up/")
    client.post("/account/second-factor/set-up/", {"code": code_of(zoe, confirmed=False)})
    settings.PORTAL_REQUIRE_SECOND_FACTOR = True
    client.post("/account/second-factor/remove")
    assert TOTPDevice.objects.filter(user=zoe, confirmed=True).exists()
    settings.PORTAL_REQUIRE_SECOND_FACTOR = False
    client.post("/account/second-factor/remove")
    assert not TOTPDevice.objects.filter(user=zoe).exists()


def test_the_session_is_renamed_at_the_door(zoe: User) -> None:
    client = Client()
    client.get("/login/")
    session = client.session
    session["planted"] = True
    session.save()
    planted = session.session_key
    assert try_(client, "zoe", PASSWORD) == 302
    assert client.session.session_key != planted


@pytest.mark.parametrize("name", [USED, BEGAN])
def test_a_session_ends_when_it_was_idle_or_has_lasted_a_day(
    zoe: User, settings: Settings, name: str
) -> None:
    client = Client()
    try_(client, "zoe", PASSWORD)
    assert client.get("/events/").status_code == 200
    session = client.session
    most = {USED: settings.PORTAL_IDLE_SECONDS, BEGAN: settings.SESSION_COOKIE_AGE}[name]
    session[name] = int(time.time()) - most - 1
    session.save()
    assert client.get("/events/").status_code == 302


def test_automatic_requests_of_a_page_keep_no_session_alive(zoe: User) -> None:
    client = Client()
    try_(client, "zoe", PASSWORD)
    session = client.session
    session[USED] = before = int(time.time()) - 120
    session.save()
    client.get("/events/live?after=0")
    assert client.session[USED] == before
    client.get("/events/")
    assert client.session[USED] > before


def test_one_may_log_out_everywhere(zoe: User) -> None:
    clients = [Client() for _ in range(3)]
    for client in clients:
        client.force_login(zoe)
    stranger = Client()
    stranger.force_login(User.objects.create_user("other"))
    assert clients[0].post("/account/sign-out").status_code == 302
    for client in clients:
        assert client.get("/account/").status_code == 302
    assert stranger.get("/account/").status_code == 200


def test_a_new_password_ends_the_other_sessions(zoe: User) -> None:
    here, there = Client(), Client()
    for client in (here, there):
        client.force_login(zoe)
    new = "another horse battery"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert here.post("/account/password/", form)["Location"] == "/account/"
    assert here.get("/account/").status_code == 200
    assert there.get("/account/").status_code == 302


@pytest.mark.parametrize(
    "path", ["/login/?next=%00", "/login/?next=" + "x" * 5000], ids=["null", "long"]
)
@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("z" * 150, "p"),
        ("z" * 151, "p"),
        ("z" * 256, "p"),
        ("z" * 10_000, "p"),
        ("zo\0e", "p"),
        ("zoe", "p\0"),
        ("zoe", "p" * 1025),
        ("zoe", "p" * 10_000),
        ("\ud800", "p"),
        ("é" * 150, "\ud800"),
    ],
)
def test_whatever_is_typed_at_the_door_gets_the_form_again(
    zoe: User, settings: Settings, path: str, name: str, password: str
) -> None:
    settings.PORTAL_LIMIT_SIGN_IN = 0
    body = urlencode({"username": name, "password": password}, errors="surrogatepass")
    client = Client(raise_request_exception=False)
    answer = client.post(
        path,
        body,
        content_type="application/x-www-form-urlencoded",
        headers={"User-Agent": "u" * 5000, "Accept": "a" * 5000, "X-Forwarded-For": "x" * 5000},
    )
    assert answer.status_code == 200
    assert b"Log in" in answer.content
    assert client.post("/admin/login/", {"username": "z" * 256}).status_code in (301, 302)


def test_codes_of_any_length_are_refused_by_the_form(zoe: User, settings: Settings) -> None:
    settings.PORTAL_LIMIT_SIGN_IN = 0
    client = Client(raise_request_exception=False)
    client.force_login(zoe)
    for code in ("1" * 41, "1" * 5000, "\0", "\u0661" * 6, "é" * 40):
        answer = client.post("/account/second-factor/set-up/", {"code": code})
        assert answer.status_code == 200, code
