"""Builds the writer and its services from the settings."""

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
    """The key backend for `PORTAL_KEY_DIR`, one per process."""
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
    """The append queue that all threads of a server share."""
    return _group_commit(Path(settings.PORTAL_KEY_DIR))


def bulk_writer() -> AppendQueue:
    """An append queue for one thread that writes much, such as an import. It signs in a helper
    process, and the next batch can be prepared while one is written. The caller closes it."""
    return AppendQueue(writer(), helper=SigningProcess(Path(settings.PORTAL_KEY_DIR)))


def writer() -> AtomicEventWriter:
    """A synchronous writer with the clock drift check."""
    return AtomicEventWriter(signing_service(), witness_service(), TimeAuthorityService())


def owner_writer() -> AtomicEventWriter:
    """A synchronous writer in the owner's role, for set-up by an operator."""
    backend = key_backend()
    return AtomicEventWriter(
        SigningService(backend, "owner"), WitnessService(backend, "owner"), using="owner"
    )
