"""Keys that writers hold: makes them, proves them, and signs submissions, without Django or a
database.

    python -m events.keys.writer_key keygen FILE
    python -m events.keys.writer_key prove FILE --ledger ID --agent NAME --key-id ID
    python -m events.keys.writer_key sign FILE --ledger ID --agent NAME --key-id ID < event.json

A key file holds the 32-byte seed in hex, mode 0600, so that a program can sign unattended;
`keygen --passphrase` makes one in the form of `person_key` instead.
"""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from events.errors import KeyBackendError, LedgerError
from events.format import canonical, ed25519, event, key_events
from events.format.timestamps import format_timestamp, parse_timestamp
from events.keys import person_key
from events.keys.backend import FileKeyBackend, Sign

SUFFIX = ".key"


def create(path: Path, passphrase: str | None = None) -> str:
    """Generate a key pair in a new file; returns the public key in base64.

    Raises:
        KeyBackendError: the file is there already or cannot be written, or the passphrase is too
            short.
    """
    if passphrase is not None:
        return person_key.create(path, passphrase)
    return ed25519.encode(FileKeyBackend(path.parent).create(_name(path)))


def load(path: Path, ask: Callable[[], str]) -> tuple[str, Sign]:
    """The public key in base64 of a key file, and a function that signs with it. `ask` returns the
    passphrase of a file that has one.

    Raises:
        KeyBackendError: the file cannot be read or is no key file.
    """
    if _is_locked(path):
        passphrase = ask()
        return person_key.public_key(path), lambda message: ed25519.decode(
            person_key.sign(path, passphrase, message)
        )
    backend, name = FileKeyBackend(path.parent), _name(path)
    return ed25519.encode(backend.public_key(name)), backend.signer(name)


def prove(
    key: tuple[str, Sign],
    *,
    ledger_id: str,
    agent_id: str,
    key_id: str,
    replaced: tuple[str, Sign] | None = None,
) -> dict[str, str]:
    """The registration of a key as `POST /api/v1/keys/rotate` takes it. `replaced` is the id of the
    agent's key until now and a function that signs with it."""
    public_key, sign = key
    said = key_events.writer_registration(
        agent_id, key_id, public_key, replaced[0] if replaced else None
    )
    message = key_events.proof_message(said, ledger_id)
    asked = {"key_id": key_id, "public_key": public_key, "proof": ed25519.encode(sign(message))}
    if replaced:
        asked |= {"replaces": replaced[0], "replaced_proof": ed25519.encode(replaced[1](message))}
    return asked


def sign_event(
    document: Mapping[str, Any], sign: Sign, *, ledger_id: str, agent_id: str, key_id: str
) -> dict[str, Any]:
    """The event as it is submitted: with its signature, its salt, the canonical form of its time,
    and an id and a time if it has none.

    Raises:
        CanonicalJSONError, TimestampError: the payload or the time is malformed.
    """
    at = document.get("local_timestamp")
    salt = event.random_piece()
    event_id = str(document.get("event_id") or event.new_event_id()).lower()
    local_timestamp = format_timestamp(parse_timestamp(at) if at else datetime.now(UTC))
    message = event.submission_message(
        agent_id=agent_id,
        event_id=event_id,
        event_type=document["event_type"],
        hash_alg_version=event.HASH_ALG_VERSION,
        ledger_id=ledger_id,
        local_timestamp=local_timestamp,
        payload_hash=event.payload_hash(salt, canonical.canonicalize(document["payload"])),
        sig_alg_version=event.WRITER_SIGNED,
        signing_key_id=key_id,
    )
    return {
        **document,
        "event_id": event_id,
        "local_timestamp": local_timestamp,
        "payload_salt": salt.hex(),
        "signing_key_id": key_id,
        "signature": ed25519.encode(sign(message)),
    }


def _name(path: Path) -> str:
    if path.suffix != SUFFIX:
        raise KeyBackendError(f"the name of a key file ends with {SUFFIX}, not as {path}")
    return path.stem


def _is_locked(path: Path) -> bool:
    try:
        return path.read_bytes()[:1] == b"{"
    except OSError as error:
        raise KeyBackendError(f"cannot read {path}: {error.strerror}") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m events.keys.writer_key", description="Keys that writers hold."
    )
    actions = parser.add_subparsers(dest="action", required=True)
    keygen = actions.add_parser("keygen", help="make a key; prints its public half")
    keygen.add_argument("--passphrase", action="store_true", help="lock the file; asks for it")
    proof = actions.add_parser("prove", help="print the registration of a key, with its proof")
    signing = actions.add_parser("sign", help="sign the event on standard input")
    for action in (keygen, proof, signing):
        action.add_argument("file", type=Path, help=f"the key file, *{SUFFIX}")
    for action in (proof, signing):
        action.add_argument("--ledger", required=True, help="the ledger_id")
        action.add_argument("--agent", required=True, help="name of the agent")
        action.add_argument("--key-id", required=True, help="name of the key")
    proof.add_argument("--replaces", help="name of the agent's key until now")
    proof.add_argument("--replaced-key", type=Path, help="its file, if the agent rotates itself")
    return parser


def _ask() -> str:
    return getpass.getpass("Passphrase: ")


def _answer(options: argparse.Namespace) -> str:
    if options.action == "keygen":
        return create(options.file, _ask() if options.passphrase else None)
    key = load(options.file, _ask)
    named = {
        "ledger_id": options.ledger,
        "agent_id": options.agent,
        "key_id": options.key_id,
    }
    if options.action == "sign":
        document = canonical.parse(sys.stdin.buffer.read()).value
        if not isinstance(document, dict) or not {"event_type", "payload"} <= document.keys():
            raise KeyBackendError("an event is a JSON object with event_type and payload")
        return json.dumps(sign_event(document, key[1], **named))
    if (options.replaces is None) != (options.replaced_key is None):
        raise KeyBackendError("--replaces and --replaced-key go together")
    replaced = None
    if options.replaced_key is not None:
        replaced = (options.replaces, load(options.replaced_key, _ask)[1])
    return json.dumps(prove(key, **named, replaced=replaced), indent=2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one action; returns the exit code."""
    try:
        sys.stdout.write(_answer(_parser().parse_args(arguments)) + "\n")
    except LedgerError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
