"""`witnesses`: creates, lists, replaces and retires the witnesses.

Invariant: a ledger left without a witness is reported.
"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

import orjson
from django.db import transaction

from events.append.services import key_backend, witness_service
from events.keys.signing import PREFIX, WitnessService
from events.management.base import LedgerCommand, table, until
from events.store import registry
from events.store.connection import named_errors
from events.store.registry import WitnessRecord


class Command(LedgerCommand):
    """One subcommand each; results go to stdout."""

    help = (
        "Create, list, replace and retire the witnesses. A witness is its key: a new key is a new "
        "witness, and a retired one still verifies what it attested. Names may be written "
        f"with or without {PREFIX}"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        actions.add_parser("create", help="a new witness").add_argument("name")
        listing = actions.add_parser("list", help="every witness, with its valid sequences")
        listing.add_argument("--active", action="store_true", help="only those that attest now")
        replace = actions.add_parser("replace", help="replace a witness with a new one")
        replace.add_argument("old")
        replace.add_argument("new")
        actions.add_parser("retire", help="retire a witness permanently").add_argument("name")
        for action in actions.choices.values():
            action.add_argument("--json", action="store_true", help="answer in JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        answer, text = getattr(self, f"_{options['action']}")(witness_service(), options)
        self.stdout.write(orjson.dumps(answer).decode() if options["json"] else text)

    def _create(self, witnessing: WitnessService, options: dict[str, Any]) -> tuple[Any, str]:
        witness_id = witnessing.create_witness(options["name"])
        return {"witness_id": witness_id}, f"{witness_id} attests from now on"

    def _list(self, witnessing: WitnessService, options: dict[str, Any]) -> tuple[Any, str]:
        witnesses = [
            _as_dict(witness)
            for witness in registry.list_witnesses(witnessing.using)
            if not (options["active"] and witness.validity.until_sequence is not None)
        ]
        return witnesses, table(
            ("witness", "from sequence", "until sequence", "active from", "private key"),
            [
                (
                    witness["witness_id"],
                    witness["from_sequence"],
                    until(witness["from_sequence"], witness["until_sequence"]),
                    witness["active_from"],
                    "here" if witness["private_key_here"] else "not here",
                )
                for witness in witnesses
            ],
            empty="there is no such witness",
        )

    def _replace(self, witnessing: WitnessService, options: dict[str, Any]) -> tuple[Any, str]:
        old = _full(options["old"])
        with named_errors(), transaction.atomic(using=witnessing.using):
            # The old one first: if it is not there, no key is made.
            last = witnessing.retire_witness(old)
            new = witnessing.create_witness(options["new"])
        answer = {"retired": old, "until_sequence": last, "witness_id": new}
        return answer, f"{new} attests from now on; {old} is retired after sequence {last}"

    def _retire(self, witnessing: WitnessService, options: dict[str, Any]) -> tuple[Any, str]:
        witness_id = _full(options["name"])
        last = witnessing.retire_witness(witness_id)
        if not registry.active_witnesses(witnessing.using):
            self.stderr.write(
                f"WARNING: {witness_id} was the last active witness. Nothing can be written any "
                "more (RT-1) until `witnesses create` makes another."
            )
        answer = {"retired": witness_id, "until_sequence": last}
        return answer, f"{witness_id} is retired; the last sequence it may have attested is {last}"


def _full(name: str) -> str:
    return name if name.startswith(PREFIX) else PREFIX + name


def _as_dict(witness: WitnessRecord) -> dict[str, Any]:
    return {
        "witness_id": witness.witness_id,
        "public_key": witness.public_key,
        "active_from": witness.validity.active_from,
        "active_until": witness.validity.active_until,
        "from_sequence": witness.validity.from_sequence,
        "until_sequence": witness.validity.until_sequence,
        "private_key_here": key_backend().holds(witness.witness_id),
    }
