"""`account`: creates, lists and deactivates accounts of people, and assigns them to groups.

Passwords are never taken from the command line, where others can see them. Accounts are not
deleted: a name in a record keeps meaning one person.
"""

from __future__ import annotations

import getpass
import secrets
import sys
from argparse import ArgumentParser
from typing import Any

from axes.utils import reset
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from events.accounts import second_factor
from events.accounts.roles import GROUPS, SERVICE_USER, ensure_groups, group_of, set_group
from events.accounts.session_limits import end_sessions
from events.management.base import ActionCommand, refuse, table

GROUP_HELP = (
    "auditor: reads everything, starts verifications, sees the access log; operator: also "
    "halts, manages keys and tokens, holds ceremonies; administrator: also manages accounts"
)
TITLES = ("account", "group", "state", "second factor", "last log-in")


class Command(ActionCommand):
    """One subcommand each."""

    help = "Create, list and deactivate accounts of people, and assign them to groups."

    def add_actions(self, actions: Any) -> None:
        add = actions.add_parser("add", help="a new account; asks for its password")
        add.add_argument("name")
        _add_group(add, "--group", required=True)
        add.add_argument(
            "--generate",
            action="store_true",
            help="make a password and print it, alone on standard output, instead of asking",
        )
        actions.add_parser("list", help="every account, with its second factor")
        for name, what in (
            ("disable", "disable an account and end its sessions"),
            ("enable", "enable it again"),
            ("unlock", "clear its failed log-in attempts"),
            ("log-out", "end its sessions everywhere"),
            ("reset-second-factor", "remove a second factor whose device is lost"),
        ):
            actions.add_parser(name, help=what).add_argument("name")
        move = actions.add_parser("set-group", help="move an account to another group")
        move.add_argument("name")
        _add_group(move, "group")

    def handle(self, *args: Any, **options: Any) -> None:
        ensure_groups()
        super().handle(*args, **options)

    def _add(self, options: dict[str, Any]) -> tuple[Any, str]:
        name = options["name"]
        account = User(username=name)
        try:
            account.full_clean(exclude=["password"])
        except ValidationError as error:
            refuse(" ".join(error.messages))
        generated = secrets.token_urlsafe(15) if options["generate"] else None
        password = generated or _ask_password(account)
        account.set_password(password)
        account.save()
        set_group(account, options["group"])
        answer = {"name": name, "group": options["group"]}
        if generated:
            self.stderr.write(f"{name} is an {options['group']}; the password is shown this once:")
            return answer | {"password": generated}, generated
        return answer, f"{name} is an {options['group']}"

    def _list(self, options: dict[str, Any]) -> tuple[Any, str]:
        accounts = User.objects.exclude(username=SERVICE_USER).order_by("username")
        known = [_as_dict(account) for account in accounts]
        rows = [
            (
                each["name"],
                each["group"] or ("superuser" if each["superuser"] else "none"),
                "active" if each["active"] else "off",
                "yes" if each["second_factor"] else "no",
                f"{each['last_login']:%Y-%m-%d %H:%M}" if each["last_login"] else "never",
            )
            for each in known
        ]
        return known, table(TITLES, rows, empty="there is no account")

    def _disable(self, options: dict[str, Any]) -> tuple[Any, str]:
        account = _switch(options["name"], active=False)
        ended = end_sessions(account)
        return {"name": account.username, "active": False, "sessions_ended": ended}, (
            f"{account.username} is disabled; {ended} of its sessions were ended"
        )

    def _enable(self, options: dict[str, Any]) -> tuple[Any, str]:
        account = _switch(options["name"], active=True)
        return {"name": account.username, "active": True}, f"{account.username} is enabled again"

    def _unlock(self, options: dict[str, Any]) -> tuple[Any, str]:
        forgotten = reset(username=options["name"])
        return {"name": options["name"], "forgotten": forgotten}, (
            f"{options['name']} may try again from every address"
        )

    def _log_out(self, options: dict[str, Any]) -> tuple[Any, str]:
        ended = end_sessions(_find(options["name"]))
        return {"name": options["name"], "sessions_ended": ended}, f"{ended} sessions were ended"

    def _reset_second_factor(self, options: dict[str, Any]) -> tuple[Any, str]:
        account = _find(options["name"])
        second_factor.remove(account)
        end_sessions(account)
        return {"name": account.username, "second_factor": False}, (
            f"{account.username} has no second factor now, and sets up another at the next log-in "
            "if one is required"
        )

    def _set_group(self, options: dict[str, Any]) -> tuple[Any, str]:
        account, group = _find(options["name"]), options["group"]
        set_group(account, group)
        return {"name": account.username, "group": group}, f"{account.username} is an {group}"


def _add_group(parser: ArgumentParser, name: str, **options: Any) -> None:
    parser.add_argument(name, choices=list(GROUPS), help=GROUP_HELP, **options)


def _find(name: str) -> User:
    account = User.objects.exclude(username=SERVICE_USER).filter(username=name).first()
    if account is None:
        refuse(f"there is no account {name}")
    return account


def _switch(name: str, *, active: bool) -> User:
    account = _find(name)
    account.is_active = active
    account.save(update_fields=["is_active"])
    return account


def _ask_password(account: User) -> str:
    """Read the password: typed twice at the terminal, or one line of standard input."""
    if sys.stdin.isatty():
        password = getpass.getpass("Password: ")
        if password != getpass.getpass("Once more: "):
            refuse("the two passwords differ; nothing was created")
    else:
        password = sys.stdin.readline().rstrip("\n")
    try:
        validate_password(password, account)
    except ValidationError as error:
        refuse(" ".join(error.messages))
    return password


def _as_dict(account: User) -> dict[str, Any]:
    return {
        "name": account.username,
        "group": group_of(account),
        "superuser": account.is_superuser,
        "active": account.is_active,
        "second_factor": second_factor.is_set_up(account),
        "last_login": account.last_login,
    }
