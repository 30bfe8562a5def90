"""Puts the writer together as the settings say. It must never be imported by what it puts
together."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django.conf import settings

from events.append.queue import AppendQueue
from events.append.writer import AtomicEventWriter, TimeAuthorityService
from events.keys.backend import FileKeyBackend
from events.keys.signing import SigningService, WitnessService
from events.keys.signing_process import SigningProcess


@cache
def _backend(folder: Path) -> FileKeyBackend:
    return FileKeyBackend(folder)


def key_backend() -> FileKeyBackend:
    """The private keys under `PORTAL_KEY_DIR`, one backend a process."""
    return _backend(Path(settings.PORTAL_KEY_DIR))


def signing_service() -> SigningService:
    """Signs with the agents' keys of this portal."""
    return SigningService(key_backend())


def witness_service() -> WitnessService:
    """Attests with the witnesses of this portal."""
    return WitnessService(key_backend())


@cache
def _group_commit(folder: Path) -> AppendQueue:
    return AppendQueue(writer(), helper=SigningProcess(folder))


def shared_writer() -> AppendQueue:
    """The door to the ledger for the threads of a server: they share transactions."""
    return _group_commit(Path(settings.PORTAL_KEY_DIR))


def bulk_writer() -> AppendQueue:
    """A door of its own for one thread that writes much: it signs in a helper process, and while
    one batch is written the next can be made. Whoever takes it closes it."""
    return AppendQueue(writer(), helper=SigningProcess(Path(settings.PORTAL_KEY_DIR)))


def writer() -> AtomicEventWriter:
    """The door to the ledger, with its drift check."""
    return AtomicEventWriter(signing_service(), witness_service(), TimeAuthorityService())


def owner_writer() -> AtomicEventWriter:
    """The same door in the owner's role, for what an operator does at set-up."""
    backend = key_backend()
    return AtomicEventWriter(
        SigningService(backend, "owner"), WitnessService(backend, "owner"), using="owner"
    )
