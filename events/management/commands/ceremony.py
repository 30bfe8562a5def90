"""`ceremony`: proposes, approves, rejects and lists ceremonies.

Invariant: a person's signature takes their own key, opened by their own passphrase.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from events import ceremonies
from events.append.services import key_backend, writer
from events.ceremonies import complete_details
from events.errors import LedgerError
from events.format.ceremony import APPROVED, CONTEXT, KINDS, PROPOSED, REJECTED, Proposal
from events.format.names import show
from events.keys import person_key
from events.management.base import ActionCommand, add_passphrase, read_passphrase, refuse, table
from events.store.ceremonies import Ceremony, find_ceremony, is_approved, list_ceremonies

USING = "default"
FILLED_IN = (
    "\nFilled in where left out: halted_at, halt_reason and unwritten (the present halt,\nand the "
    "events that are written before it is cleared), event_id and payload_hash\n(of the event at "
    "`sequence`), new_key and new_public_key (a new key pair in the\nkey folder). For a payload "
    "that is not what was signed,\npayload_matched is set to false."
)
LISTED = 1000


class Command(ActionCommand):
    """One subcommand each; results go to stdout."""

    help = (
        "Ceremonies: decisions that take three people (CT-13). One proposes, two others approve, "
        "each signing with their own key; then it is recorded as an event and takes effect at "
        "once. The key stays with its owner: these commands run there, or the portal's page shows "
        "the bytes to sign, `ceremony sign` signs them elsewhere, and the page accepts the "
        "signature."
    )

    def add_actions(self, actions: Any) -> None:
        propose = actions.add_parser(
            "propose",
            help="propose a ceremony",
            formatter_class=RawDescriptionHelpFormatter,
            epilog="Kinds and what each says, as NAME=VALUE:\n"
            + "".join(f"  {k.name:<16} {', '.join(k.details)}\n" for k in KINDS.values())
            + FILLED_IN,
        )
        propose.add_argument("kind", choices=sorted(KINDS), metavar="KIND")
        propose.add_argument("details", nargs="*", metavar="NAME=VALUE")
        propose.add_argument("--reason", required=True, help="why; it stays in the ledger")
        for name, what in (("approve", "approve a ceremony"), ("reject", "reject a ceremony")):
            actions.add_parser(name, help=what).add_argument("ceremony_id", metavar="ID")
        for name in ("propose", "approve", "reject"):
            _add_signing(actions.choices[name])
        statement = actions.add_parser("statement", help="the bytes that a person signs")
        statement.add_argument("ceremony_id", metavar="ID")
        statement.add_argument("--as", dest="person", required=True, metavar="PERSON")
        statement.add_argument("--step", choices=[APPROVED, REJECTED], default=APPROVED)
        sign = actions.add_parser("sign", help="sign such bytes from a file; needs no ledger")
        sign.add_argument("file", type=Path, help="what `statement` or a page gives; - for stdin")
        sign.add_argument("--key", type=Path, required=True, metavar="FILE")
        add_passphrase(sign)
        record = actions.add_parser("record", help="record an approved one that failed before")
        record.add_argument("ceremony_id", metavar="ID")
        actions.add_parser("list", help="list the newest 1,000")
        actions.add_parser("show", help="show one, step by step").add_argument(
            "ceremony_id", metavar="ID"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            super().handle(*args, **options)
        except LedgerError as error:
            refuse(str(error))

    def _propose(self, options: dict[str, Any]) -> tuple[Any, str]:
        kind = options["kind"]
        details = complete_details(
            kind, _pairs(options["details"]), using=USING, backend=key_backend()
        )
        proposal = ceremonies.draft(kind, options["reason"], details)
        self._speak(proposal, PROPOSED, options)
        text = f"Proposed: {proposal.ceremony_id}\nTwo others approve it: ceremony approve "
        return _as_dict(find_ceremony(USING, proposal.ceremony_id)), text + proposal.ceremony_id

    def _approve(self, options: dict[str, Any]) -> tuple[Any, str]:
        return self._vote(options, APPROVED)

    def _reject(self, options: dict[str, Any]) -> tuple[Any, str]:
        return self._vote(options, REJECTED)

    def _vote(self, options: dict[str, Any], step: str) -> tuple[Any, str]:
        ceremony_id = options["ceremony_id"]
        self._speak(find_ceremony(USING, ceremony_id).proposal, step, options)
        event = ceremonies.record_if_approved(writer(), ceremony_id)
        held = find_ceremony(USING, ceremony_id)
        then = f"; recorded as event {event.sequence}" if event else f"; {_standing(held)}"
        return _as_dict(held), f"{options['person']} has {step} it{then}"

    def _speak(self, proposal: Proposal, step: str, options: dict[str, Any]) -> None:
        person = options["person"]
        if proposal.caution and step != REJECTED:
            self.stderr.write(proposal.caution)
        message = proposal.statement(step, person)
        signature = person_key.sign(options["key"], read_passphrase(options), message)
        ceremonies.speak(USING, proposal, step=step, person=person, signature=signature)

    def _statement(self, options: dict[str, Any]) -> tuple[Any, str]:
        proposal = find_ceremony(USING, options["ceremony_id"]).proposal
        text = proposal.statement(options["step"], options["person"]).decode()
        return {"statement": text}, text

    def _sign(self, options: dict[str, Any]) -> tuple[Any, str]:
        message = _read_statement(options["file"])
        signature = person_key.sign(options["key"], read_passphrase(options), message)
        return {"signature": signature}, signature

    def _record(self, options: dict[str, Any]) -> tuple[Any, str]:
        event = ceremonies.record(writer(), options["ceremony_id"])
        held = find_ceremony(USING, options["ceremony_id"])
        return _as_dict(held), f"recorded as event {event.sequence}"

    def _list(self, options: dict[str, Any]) -> tuple[Any, str]:
        found, _ = list_ceremonies(USING, limit=LISTED)
        return [_as_dict(held) for held in found], table(
            ("ceremony", "kind", "proposed by", "at", "standing"),
            [(h.id, h.proposal.kind, h.proposer, h.steps[0].at, _standing(h)) for h in found],
            empty="no ceremony was ever proposed",
        )

    def _show(self, options: dict[str, Any]) -> tuple[Any, str]:
        held = find_ceremony(USING, options["ceremony_id"])
        lines = [
            f"{held.proposal.kind} {held.id}",
            f"reason: {show(held.proposal.reason)}",
            *(f"{name}: {show(value)}" for name, value in held.proposal.shown_details),
            *(f"{step.at}  {step.step} by {show(step.person)}" for step in held.steps),
            *([held.proposal.caution] if held.proposal.caution else []),
            _standing(held),
        ]
        return _as_dict(held), "\n".join(lines)


def _read_statement(path: Path) -> bytes:
    """Read the bytes to sign, without the line end that an editor may add."""
    try:
        text = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        refuse(f"cannot read {path}: {error.strerror}")
    message = text.replace(b"\r\n", b"\n").rstrip(b"\n")
    if not message.startswith(CONTEXT.encode()):
        refuse(f"{path} is not a statement to sign for a ceremony")
    return message


def _add_signing(parser: ArgumentParser) -> None:
    parser.add_argument("--as", dest="person", required=True, metavar="PERSON", help="who signs")
    parser.add_argument(
        "--key", type=Path, required=True, metavar="FILE", help="the file of `people keygen`"
    )
    add_passphrase(parser)


def _pairs(texts: list[str]) -> dict[str, str]:
    for text in texts:
        if "=" not in text:
            refuse(f"{text!r} is not of the form NAME=VALUE")
    return dict(text.split("=", 1) for text in texts)


def _standing(held: Ceremony) -> str:
    if held.recorded_sequence is not None:
        return f"recorded as event {held.recorded_sequence}"
    votes = f"{len(held.approvals)} approve, {len(held.rejections)} reject"
    if held.is_expired:
        return f"{votes}; expired at {held.expires_at}"
    if is_approved(USING, held.id):
        return f"{votes}; approved, not recorded yet; expires at {held.expires_at}"
    return f"{votes}; expires at {held.expires_at}"


def _as_dict(held: Ceremony) -> dict[str, Any]:
    return {
        "ceremony_id": held.id,
        "kind": held.proposal.kind,
        "reason": held.proposal.reason,
        "details": dict(held.proposal.details),
        "recorded_sequence": held.recorded_sequence,
        "expires_at": held.expires_at,
        "is_expired": held.is_expired,
        "steps": [{"step": step.step, "person": step.person, "at": step.at} for step in held.steps],
    }
