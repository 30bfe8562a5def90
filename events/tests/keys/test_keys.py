"""Private keys: one 0600 file each, never overwritten, never used when open to others or broken."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from events.append.services import key_backend, signing_service, writer
from events.append.writer import AtomicEventWriter
from events.errors import (
    KeyBackendError,
    KeyRegistryError,
    NoActiveKeyError,
)
from events.format import ed25519, key_events
from events.keys.backend import FileKeyBackend
from events.keys.signing import SigningService, WitnessService, new_key_id
from events.registrar import registrar
from events.store import registry
from events.tests.support.ledger import OPENING, Ledger, submission


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "new" / "keys"


@pytest.fixture
def backend(folder: Path) -> FileKeyBackend:
    return FileKeyBackend(folder)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_files_are_for_their_owner_alone(backend: FileKeyBackend, folder: Path) -> None:
    backend.create("agent-7")
    backend.create("WITNESS:alpha")
    assert mode(folder) == 0o700
    assert {path.name: mode(path) for path in folder.iterdir()} == {
        "agent-7.key": 0o600,
        "WITNESS:alpha.key": 0o600,
    }


def test_a_file_holds_the_seed_in_hex(backend: FileKeyBackend, folder: Path) -> None:
    public = backend.create("agent-7")
    seed = bytes.fromhex((folder / "agent-7.key").read_text().strip())
    assert len(seed) == 32
    assert ed25519.public_key(seed) == public == backend.public_key("agent-7")
    assert backend.sign("agent-7", b"message") == ed25519.sign(seed, b"message")
    assert FileKeyBackend(folder).public_key("agent-7") == public


def test_each_key_is_new(backend: FileKeyBackend) -> None:
    assert len({backend.create(f"key-{n}") for n in range(20)}) == 20


NOT_NAMES = {
    "nothing": "",
    "a parent": "../agent-7",
    "a path": "a/b",
    "an absolute path": "/etc/passwd",
    "a dot": ".",
    "two dots": "..",
    "a hidden file": ".agent-7.key",
    "an option": "-rf",
    "a backslash": "a\\b",
    "a blank": "agent 7",
    "a line break": "agent-7\n",
    "U+0000": "agent\0",
    "other letters": "ägent",
    "too long": "a" * 201,
}


@pytest.mark.parametrize("name", NOT_NAMES.values(), ids=NOT_NAMES.keys())
def test_refuses_names_that_could_leave_the_folder(backend: FileKeyBackend, name: str) -> None:
    for use in (backend.create, backend.public_key, lambda n: backend.sign(n, b"")):
        with pytest.raises(KeyBackendError, match="cannot name a key"):
            use(name)


def test_never_overwrites_a_key(backend: FileKeyBackend, folder: Path) -> None:
    public = backend.create("agent-7")
    with pytest.raises(KeyBackendError, match="a private key named agent-7 already exists"):
        backend.create("agent-7")
    assert FileKeyBackend(folder).public_key("agent-7") == public
    assert [path.name for path in folder.iterdir()] == ["agent-7.key"]


def test_one_of_many_who_create_a_name_at_once_gets_it(folder: Path) -> None:
    barrier = threading.Barrier(8)

    def create(_: int) -> bytes | None:
        barrier.wait(timeout=30)
        try:
            return FileKeyBackend(folder).create("agent-7")
        except KeyBackendError:
            return None

    with ThreadPoolExecutor(8) as pool:
        made = [public for public in pool.map(create, range(8)) if public]
    assert made == [FileKeyBackend(folder).public_key("agent-7")]
    assert [path.name for path in folder.iterdir()] == ["agent-7.key"]


@pytest.mark.parametrize("permissions", [0o640, 0o604, 0o660, 0o644, 0o777], ids=oct)
def test_refuses_a_file_that_is_open_to_others(
    backend: FileKeyBackend, folder: Path, permissions: int
) -> None:
    backend.create("agent-7")
    (folder / "agent-7.key").chmod(permissions)
    with pytest.raises(KeyBackendError, match="is open to other users; chmod 600 it"):
        FileKeyBackend(folder).sign("agent-7", b"")


BROKEN = {
    "empty": b"",
    "half written": b"0123456789abcdef",
    "one digit short": b"0" * 63,
    "too long": b"00" * 33,
    "no hex": b"g" * 64,
    "no text": bytes(range(128, 160)),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_refuses_a_broken_file(backend: FileKeyBackend, folder: Path, content: bytes) -> None:
    backend.create("agent-7")
    (folder / "agent-7.key").write_bytes(content)
    with pytest.raises(KeyBackendError, match="does not hold a 32-byte seed in hex"):
        FileKeyBackend(folder).sign("agent-7", b"")


def test_refuses_a_key_that_is_not_a_file(backend: FileKeyBackend, folder: Path) -> None:
    (folder / "agent-7.key").mkdir(parents=True)
    with pytest.raises(KeyBackendError, match="cannot read the private key"):
        backend.sign("agent-7", b"")


def test_names_a_missing_key(backend: FileKeyBackend) -> None:
    with pytest.raises(KeyBackendError, match="there is no private key named agent-7"):
        backend.sign("agent-7", b"")


def test_names_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file stands here")
    with pytest.raises(KeyBackendError, match=r"cannot create the key folder .*: File exists"):
        FileKeyBackend(tmp_path / "keys").create("agent-7")


def test_a_failed_write_leaves_nothing(
    backend: FileKeyBackend, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KeyBackendError, match="No space left on device"):
        backend.create("agent-7")
    assert list(folder.iterdir()) == []


# --- The registry -----------------------------------------------------------------------------


def without_memory(folder: Path) -> AtomicEventWriter:
    """A writer of a process that has read no key yet."""
    backend = FileKeyBackend(folder)
    return AtomicEventWriter(SigningService(backend), WitnessService(backend))


def key_file(key_id: str) -> Path:
    folder = signing_service().backend.folder  # type: ignore[attr-defined]
    return Path(folder) / f"{key_id}.key"


UNUSABLE: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: path.unlink(),
    "half written": lambda path: path.write_text("00"),
    "open to others": lambda path: path.chmod(0o644),
}


@pytest.mark.parametrize("spoil", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_an_agent_whose_private_half_is_unusable_cannot_write(
    ledger: Ledger, spoil: Callable[[Path], object]
) -> None:
    ledger.write(1)
    path = key_file(signing_service().active_key("agent-7"))
    spoil(path)
    fresh = without_memory(path.parent)
    with pytest.raises(NoActiveKeyError, match=r"^agent 'agent-7' cannot sign: "):
        fresh.write_event(submission())
    assert fresh.write_event(submission(agent_id="agent-8")).event.sequence == OPENING + 2


def test_an_agent_without_key_cannot_write(ledger: Ledger) -> None:
    with pytest.raises(NoActiveKeyError, match=r"^agent 'stranger' has no active signing key$"):
        ledger.write(1, agent_id="stranger")
    assert ledger.store.get_max_sequence() == OPENING


def test_an_agent_without_key_spoils_the_whole_batch(ledger: Ledger) -> None:
    with pytest.raises(NoActiveKeyError):
        writer().write_events([submission(), submission(agent_id="stranger")])
    assert ledger.store.get_max_sequence() == OPENING


def test_the_system_has_its_own_key(ledger: Ledger) -> None:
    (appended,) = ledger.write(1, agent_id=None)
    assert (appended.agent_id, appended.signing_key_id) == (
        None,
        signing_service().active_key(None),
    )


def test_a_batch_of_many_agents_is_signed_by_each(ledger: Ledger) -> None:
    agents = ["agent-7", "agent-8", None, "agent-7"]
    written = writer().write_events([submission(agent_id=agent) for agent in agents])
    assert [w.event.signing_key_id for w in written] == [
        signing_service().active_key(agent) for agent in agents
    ]


def test_the_registry_holds_public_keys_alone(ledger: Ledger) -> None:
    for record in registry.list_agent_keys("default"):
        public = ed25519.decode(record.public_key)
        assert public == signing_service().backend.public_key(record.key_id)
        assert key_file(record.key_id).read_text().strip() not in str(
            ledger.query("SELECT to_jsonb(k) FROM agent_keys k")
        )


REFUSED_KEYS = [
    ("agent-7", None, "the agent has an active key already; rotate it instead"),
    (None, None, "the agent has an active key already; rotate it instead"),
    ("new", "has:colon", "use letters, digits, dot, dash and underscore"),
    ("a\tb", None, "an agent's name has 1 to 200 printable characters"),
    ("a" * 201, None, "an agent's name has 1 to 200 printable characters"),
    ("", "no-agent", "an agent's name has 1 to 200 printable characters"),
]


@pytest.mark.parametrize(("agent_id", "key_id", "reason"), REFUSED_KEYS)
def test_the_registry_says_why_it_refuses(
    ledger: Ledger, agent_id: str | None, key_id: str | None, reason: str
) -> None:
    before = registry.list_agent_keys("default")
    with pytest.raises(KeyRegistryError, match=f"is not registered: {reason}$"):
        registrar().create_key(agent_id, key_id)
    assert registry.list_agent_keys("default") == before


def register(role: str, key_id: str, seed: bytes, owner: str | None = None) -> None:
    """Register the key of a seed with its proof."""
    said = key_events.registration(role, key_id, ed25519.public_key(seed), owner=owner)
    sign = ed25519.signer(seed)
    registrar().register(key_events.proved(said, registry.ledger_id("default"), sign))


def seed_of(name: str) -> bytes:
    return bytes.fromhex((key_backend().folder / f"{name}.key").read_text())


def test_a_name_and_a_public_key_are_registered_once(ledger: Ledger) -> None:
    known = signing_service().active_key("agent-7")
    with pytest.raises(KeyRegistryError, match="a name is never reused"):
        register("agent", known, bytes(32), "new")
    with pytest.raises(KeyRegistryError, match="this public key is registered already"):
        register("agent", "another", seed_of(known), "new")


def test_a_witness_is_registered_once(ledger: Ledger) -> None:
    with pytest.raises(KeyRegistryError, match="a new key is a new witness"):
        register("witness", "WITNESS:alpha", bytes(32))
    with pytest.raises(KeyRegistryError, match="this public key is registered already"):
        register("witness", "WITNESS:beta", seed_of("WITNESS:alpha"))
    with pytest.raises(KeyRegistryError, match="use WITNESS: and letters"):
        register("witness", "WITNESS:", bytes(32))
    assert registrar().create_witness("gamma") == "WITNESS:gamma"
    assert registrar().create_witness("WITNESS:delta") == "WITNESS:delta"


def test_retiring_what_is_not_active_is_refused(ledger: Ledger) -> None:
    key_id = signing_service().active_key("agent-7")
    assert registrar().retire_key(key_id) == OPENING + 1
    for missing in (key_id, "nobody"):
        with pytest.raises(KeyRegistryError, match=f"key {missing} is not retired"):
            registrar().retire_key(missing)
    with pytest.raises(KeyRegistryError, match="witness WITNESS:nobody is not retired"):
        registrar().retire_witness("WITNESS:nobody")


@pytest.mark.parametrize(
    ("agent", "start"),
    [
        ("agent-7", "agent-7-"),
        (None, "system-"),
        ("Zoë/北京", "Zo-"),
        ("北京", "agent-"),
        ("-", "agent-"),
    ],
)
def test_key_ids_are_readable_and_fit_registry_and_file(agent: str | None, start: str) -> None:
    key_id = new_key_id(agent)
    assert key_id.startswith(start)
    assert key_id != new_key_id(agent)
    FileKeyBackend(Path("unused"))._path(key_id)
    assert len(new_key_id("a" * 200)) <= 200
