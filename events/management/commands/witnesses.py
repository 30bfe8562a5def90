"""`witnesses`: creates, lists, replaces and retires the witnesses."""

from __future__ import annotations

from typing import Any

from events.append.services import key_backend
from events.keys.signing import PREFIX, witness_id_of
from events.management.base import ActionCommand, table, until
from events.registrar import registrar
from events.store import registry
from events.store.registry import WitnessRecord

USING = "default"


class Command(ActionCommand):
    """One subcommand each; results go to stdout."""

    help = (
        "Create, list, replace and retire the witnesses. A new key is always a new "
        "witness, and a retired one still verifies what it attested. Names may be written "
        f"with or without {PREFIX}"
    )

    def add_actions(self, actions: Any) -> None:
        actions.add_parser("create", help="a new witness").add_argument("name")
        listing = actions.add_parser("list", help="every witness, with its valid sequences")
        listing.add_argument("--active", action="store_true", help="only those that can attest now")
        replace = actions.add_parser("replace", help="replace a witness with a new one")
        replace.add_argument("old")
        replace.add_argument("new")
        actions.add_parser("retire", help="retire a witness permanently").add_argument("name")

    def _create(self, options: dict[str, Any]) -> tuple[Any, str]:
        witness_id = registrar().create_witness(options["name"])
        return {"witness_id": witness_id}, f"{witness_id} attests from now on"

    def _list(self, options: dict[str, Any]) -> tuple[Any, str]:
        witnesses = [
            _as_dict(witness)
            for witness in registry.list_witnesses(USING)
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

    def _replace(self, options: dict[str, Any]) -> tuple[Any, str]:
        old = witness_id_of(options["old"])
        new = registrar().replace_witness(old, options["new"])
        last = next(
            known.validity.until_sequence
            for known in registry.list_witnesses(USING)
            if known.witness_id == old
        )
        answer = {"retired": old, "until_sequence": last, "witness_id": new}
        return answer, f"{new} attests from now on; {old} is retired after sequence {last}"

    def _retire(self, options: dict[str, Any]) -> tuple[Any, str]:
        witness_id = witness_id_of(options["name"])
        last = registrar().retire_witness(witness_id)
        answer = {"retired": witness_id, "until_sequence": last}
        return answer, f"{witness_id} is retired; the last sequence it may have attested is {last}"


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
