"""Storage of private keys: a folder of files now, replaceable by a KMS or an HSM.

Invariant: a backend signs, but never returns a private key. Imported by the signing process, so
this module must not import Django.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from events.errors import KeyBackendError
from events.format import ed25519, event

Sign = Callable[[bytes], bytes]
"""Returns the 64-byte Ed25519 signature of a message."""

Pair = tuple[bytes, bytes]
"""The agent's signature, and the witness's signature over it: 64 bytes each."""


Order = tuple[str | bytes, str, bytes]
"""What a helper signs: key_id, or the agent's signature if its writer made it; witness_id; signable
content."""


def made_before(signature: bytes) -> Sign:
    """A function that returns the signature that a writer made before it submitted its event."""
    return lambda _: signature


def sign_pair(agent: Sign, witness: Sign, signable: bytes) -> Pair:
    """Sign as the agent, then attest as the witness. Both cover `signable_content()`."""
    signature = agent(event.agent_message(signable))
    return signature, witness(event.witness_message(signature, signable))


class KeyBackend(Protocol):
    """The interface of a store of private keys."""

    def create(self, name: str) -> bytes:
        """Generate a key pair under a new name and return the 32-byte public key."""

    def holds(self, name: str) -> bool:
        """True if a usable private key of this name exists here."""

    def public_key(self, name: str) -> bytes:
        """The 32-byte public key of a name.

        Raises:
            KeyBackendError: there is no such key here.
        """

    def sign(self, name: str, message: bytes) -> bytes:
        """The 64-byte Ed25519 signature of `message`.

        Raises:
            KeyBackendError: there is no such key here.
        """

    def signer(self, name: str) -> Sign:
        """A function that signs with the key of a name: one lookup for many signatures.

        Raises:
            KeyBackendError: there is no such key here.
        """


class FileKeyBackend:
    """One file per key, mode 0600, holding the 32-byte seed in hex, in a 0700 folder.

    Key names are limited to letters, digits, dot, dash, underscore and colon, so that no name can
    leave the folder.
    """

    _NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,199}")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._seeds: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def create(self, name: str) -> bytes:
        """Generate a key pair. The file is complete and synced to disk before its name appears."""
        path = self._path(name)
        seed = secrets.token_bytes(ed25519.KEY_BYTES)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise KeyBackendError(
                f"cannot create the key folder {self.folder}: {error.strerror}"
            ) from None
        try:
            self._write_new(path, seed)
        except FileExistsError:
            raise KeyBackendError(f"a private key named {name} already exists: {path}") from None
        except OSError as error:
            raise KeyBackendError(
                f"cannot write the private key {path}: {error.strerror}"
            ) from None
        return ed25519.public_key(seed)

    def holds(self, name: str) -> bool:
        """True if the file of this name exists and can be read."""
        try:
            self._seed(name)
        except KeyBackendError:
            return False
        return True

    def public_key(self, name: str) -> bytes:
        """The public half of the key in the file of this name."""
        return ed25519.public_key(self._seed(name))

    def sign(self, name: str, message: bytes) -> bytes:
        """Sign with the key in the file of this name."""
        return self.signer(name)(message)

    def signer(self, name: str) -> Sign:
        """A function that signs with the key in the file of this name."""
        return ed25519.signer(self._seed(name))

    def _path(self, name: str) -> Path:
        if not self._NAME.fullmatch(name):
            raise KeyBackendError(
                f"{name!r} cannot name a key: use letters, digits, dot, dash, underscore and colon"
            )
        return self.folder / f"{name}.key"

    @staticmethod
    def _write_new(path: Path, seed: bytes) -> None:
        # Written under another name and linked: link() fails where the name exists, so an
        # existing key is never overwritten, and a crash leaves no half-written key behind.
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(seed.hex() + "\n")
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, path)
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        finally:
            draft.unlink()

    def _seed(self, name: str) -> bytes:
        with self._lock:
            if name not in self._seeds:
                self._seeds[name] = self._read(self._path(name), name)
            return self._seeds[name]

    @staticmethod
    def _read(path: Path, name: str) -> bytes:
        try:
            mode = path.stat().st_mode
            text = path.read_text(encoding="ascii").strip()
            seed = bytes.fromhex(text)
        except FileNotFoundError:
            raise KeyBackendError(f"there is no private key named {name}: {path}") from None
        except OSError as error:
            raise KeyBackendError(f"cannot read the private key {path}: {error.strerror}") from None
        except ValueError:
            raise KeyBackendError(f"{path} does not hold a 32-byte seed in hex") from None
        if stat.S_IMODE(mode) & 0o077:
            raise KeyBackendError(f"{path} is open to other users; chmod 600 it")
        if len(seed) != ed25519.KEY_BYTES:
            raise KeyBackendError(f"{path} does not hold a 32-byte seed in hex")
        return seed
