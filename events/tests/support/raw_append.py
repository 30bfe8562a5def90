"""Rows appended by plain SQL without the writer, valid or wrong in one place, as somebody with psql
would."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from events.append.services import key_backend
from events.format import ed25519, event
from events.store import registry

SALT = bytes(event.SALT_BYTES)
NOT_SIGNED = ("payload", "payload_salt", "content_hash", "signature", "witness_signature")


def honest_row(connection: psycopg.Connection[Any], **changes: Any) -> dict[str, Any]:
    """The next row of the ledger, hashed and signed over `changes` to what is signed.

    Takes the ledger's lock on `connection`, whose transaction the row belongs to.
    """
    opening = _open_append(connection)
    signed: dict[str, Any] = {
        "agent_id": "agent-7",
        "authority_timestamp": opening["authority"],
        "event_id": str(uuid4()),
        "event_type": "test.raw",
        "hash_alg_version": 1,
        "local_timestamp": opening["authority"],
        "payload_hash": event.payload_hash(SALT, b"{}"),
        "prev_hash": opening["content_hash"],
        "sequence": opening["last_sequence"] + 1,
        "sig_alg_version": 1,
        "signing_key_id": active_key("agent-7"),
        "witness_id": registry.active_witnesses("default")[0],
    } | {name: value for name, value in changes.items() if name not in NOT_SIGNED}
    return _sealed(signed) | {n: v for n, v in changes.items() if n in NOT_SIGNED}


def active_key(agent_id: str | None) -> str:
    """The key an agent signs with now."""
    return registry.active_keys("default", [agent_id])[agent_id]


def follow(row: dict[str, Any]) -> dict[str, Any]:
    """The honest row behind `row`, for inserts of several rows."""
    signed = {name: value for name, value in row.items() if name not in NOT_SIGNED}
    return _sealed(
        signed
        | {
            "event_id": str(uuid4()),
            "prev_hash": row["content_hash"],
            "sequence": row["sequence"] + 1,
        }
    )


def insert(
    connection: psycopg.Connection[Any], *rows: dict[str, Any], sequence: bool = False
) -> None:
    """One INSERT of rows; with `sequence`, their numbers are given instead of drawn."""
    names = [name for name in rows[0] if sequence or name != "sequence"]
    statement = sql.SQL("INSERT INTO events ({}) VALUES {}").format(
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.SQL(", ").join(
            sql.SQL("({})").format(sql.SQL(", ").join([sql.Placeholder()] * len(names)))
            for _ in rows
        ),
    )
    connection.execute(statement, [row[name] for row in rows for name in names])


def _sealed(signed: dict[str, Any]) -> dict[str, Any]:
    signable = event.signable_content(**signed)
    backend = key_backend()
    signature = backend.sign(active_key("agent-7"), event.agent_message(signable))
    attestation = backend.sign("WITNESS:alpha", event.witness_message(signature, signable))
    return signed | {
        "payload": "{}",
        "payload_salt": SALT.hex(),
        "content_hash": event.content_hash(signable),
        "signature": ed25519.encode(signature),
        "witness_signature": ed25519.encode(attestation),
    }


def _open_append(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    with connection.cursor(row_factory=dict_row) as cursor:
        opening = cursor.execute("SELECT * FROM open_append()").fetchone()
    assert opening is not None
    moment: datetime = opening["authority_timestamp"].astimezone(UTC)
    return opening | {"authority": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
