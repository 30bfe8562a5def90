"""`people`: creates personal keys, registers the first people, lists them.

A private key is handled only on its owner's machine, when its owner asks.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from events.append.services import owner_writer
from events.errors import LedgerError
from events.format.ceremony import check_possession, possession
from events.format.names import wrong_name
from events.keys import person_key
from events.management.base import (
    ActionCommand,
    add_passphrase,
    read_passphrase,
    refuse,
    table,
    until,
)
from events.people import register_first
from events.store.registry import PersonKey, are_ceremonies_in_force, list_people


class Command(ActionCommand):
    """One subcommand each; results go to stdout."""

    help = (
        "The people who hold ceremonies. Each makes a key pair on a machine of their own (`people "
        "keygen`), signs with it that it is theirs (`people prove`), and gives the operator both "
        "answers. The operator registers the first three (`people add`); from then on ceremonies "
        "are in force, and people come and go by `ceremony propose add_person` and "
        "`retire_person`."
    )

    def add_actions(self, actions: Any) -> None:
        keygen = actions.add_parser(
            "keygen", help="create a key pair in a file protected by a passphrase"
        )
        keygen.add_argument("file", type=Path, help="where the private key goes; must be new")
        add_passphrase(keygen)
        prove = actions.add_parser("prove", help="prove that a key is yours; needs no ledger")
        prove.add_argument("person", help="your name, as it will stand in every ceremony")
        prove.add_argument("--key", type=Path, required=True, metavar="FILE")
        add_passphrase(prove)
        add = actions.add_parser("add", help="register one of the first three people")
        add.add_argument("person", help="name, as it will stand in every ceremony")
        add.add_argument("public_key", help="base64 of 32 bytes, as `people keygen` prints it")
        add.add_argument("proof", help="base64 of 64 bytes, as `people prove` prints it")
        listing = actions.add_parser(
            "list", help="every person, with the sequences they are valid for"
        )
        listing.add_argument("--active", action="store_true", help="only those who may vote now")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            super().handle(*args, **options)
        except LedgerError as error:
            refuse(str(error))

    def _keygen(self, options: dict[str, Any]) -> tuple[Any, str]:
        public_key = person_key.create(options["file"], read_passphrase(options, twice=True))
        return {"public_key": public_key, "file": str(options["file"])}, public_key

    def _prove(self, options: dict[str, Any]) -> tuple[Any, str]:
        person, key = options["person"], options["key"]
        if wrong := wrong_name(person):
            refuse(f"the name of a person {wrong}")
        public_key = person_key.public_key(key)
        message = possession(person, public_key)
        proof = person_key.sign(key, read_passphrase(options), message)
        check_possession(person, public_key, proof)
        return {"person": person, "public_key": public_key, "proof": proof}, proof

    def _add(self, options: dict[str, Any]) -> tuple[Any, str]:
        person, public_key = options["person"], options["public_key"]
        first = register_first(owner_writer(), person, public_key, options["proof"])
        in_force = are_ceremonies_in_force("default")
        answer = {"person": person, "public_key": public_key, "from_sequence": first}
        note = "; ceremonies are in force from now on" if in_force else ""
        return answer | {"ceremonies_in_force": in_force}, f"{person} is registered{note}"

    def _list(self, options: dict[str, Any]) -> tuple[Any, str]:
        known = [
            _as_dict(k) for k in list_people("default") if k.is_active or not options["active"]
        ]
        return known, table(
            ("person", "public key", "from sequence", "until sequence", "registered by event"),
            [
                (
                    each["person"],
                    each["public_key"],
                    each["from_sequence"],
                    until(each["from_sequence"], each["until_sequence"]),
                    each["registered_by"] or "NONE",
                )
                for each in known
            ],
            empty="nobody is registered; ceremonies are not in force yet",
        )


def _as_dict(key: PersonKey) -> dict[str, Any]:
    return {
        "person": key.person,
        "public_key": key.public_key,
        "active_from": key.validity.active_from,
        "active_until": key.validity.active_until,
        "from_sequence": key.validity.from_sequence,
        "until_sequence": key.validity.until_sequence,
        "registered_by": key.registered_by,
    }
