"""Forges events as a superuser could, without the private keys and with them."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import psycopg
from psycopg import sql

from events.append.services import key_backend
from events.format import ed25519, event
from events.format.event import FIELDS, Event


def overwrite(superuser: psycopg.Connection[Any], forged: Event) -> None:
    """Put a forged event over the one of the same sequence."""
    columns = [name for name in FIELDS if name != "sequence"]
    assignments = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in columns
    )
    statement = sql.SQL("UPDATE events SET {} WHERE sequence = %(sequence)s").format(assignments)
    superuser.execute(statement, asdict(forged))


def insert(superuser: psycopg.Connection[Any], forged: Event) -> None:
    """Insert a forged event at its sequence."""
    statement = sql.SQL("INSERT INTO events ({}) VALUES ({})").format(
        sql.SQL(", ").join(map(sql.Identifier, FIELDS)),
        sql.SQL(", ").join(map(sql.Placeholder, FIELDS)),
    )
    superuser.execute(statement, asdict(forged))


def rehash(forged: Event, previous_hash: str) -> Event:
    """The event with every hash made right again; its signatures cannot be."""
    payload_hash = event.payload_hash(bytes.fromhex(forged.payload_salt), forged.canonical_payload)
    linked = replace(forged, payload_hash=payload_hash, prev_hash=previous_hash)
    return replace(linked, content_hash=event.content_hash(linked.signable_content()))


def rechain(superuser: psycopg.Connection[Any], events: list[Event], edited: Event) -> None:
    """Edit one event and make all hashes after it right, in the record of appends too."""
    previous_hash = edited.prev_hash
    for original in events[edited.sequence - 1 :]:
        base = edited if original.sequence == edited.sequence else original
        forged = rehash(base, previous_hash)
        overwrite(superuser, forged)
        record(superuser, forged)
        previous_hash = forged.content_hash


def record(superuser: psycopg.Connection[Any], forged: Event) -> None:
    """Make the record of its append agree with a forged event."""
    superuser.execute(
        "UPDATE appends SET content_hash = %s WHERE last_sequence = %s",
        (forged.content_hash, forged.sequence),
    )


def resign(edited: Event) -> Event:
    """The event with hashes and both signatures made right, by stolen private keys of its own
    `signing_key_id` and `witness_id`. The link is taken as it is."""
    forged = rehash(edited, edited.prev_hash)
    signable = forged.signable_content()
    signature = key_backend().sign(forged.signing_key_id, event.agent_message(signable))
    attestation = key_backend().sign(forged.witness_id, event.witness_message(signature, signable))
    return replace(
        forged,
        signature=ed25519.encode(signature),
        witness_signature=ed25519.encode(attestation),
    )
