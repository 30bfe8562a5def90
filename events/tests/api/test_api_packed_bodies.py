"""Bodies with a Content-Encoding are unpacked, up to the limit of a body and no further."""

from __future__ import annotations

import gzip
import io
import json
import resource
import zlib
from collections.abc import Callable
from typing import Any

import pytest
import zstandard

from events.api.encodings import MAX_MEMBERS, DamagedError, unpack
from events.tests.support import api
from events.tests.support.ledger import Ledger


def bare_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


Packer = Callable[[bytes], bytes]
PACKERS: dict[str, tuple[str, Packer]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "gzip in capitals": ("GZIP", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "deflate without its frame": ("deflate", bare_deflate),
    "zstd": ("zstd", zstandard.compress),
}
TEXTS = [b"", b"a", b"hello, world" * 50_000, bytes(range(256)) * 300]


def send(body: bytes, coding: str, path: str = "events/batch", **more: str) -> Any:
    return api.agent().post(path, raw=body, **{"Content-Encoding": coding}, **more)


@pytest.mark.parametrize("name", PACKERS)
@pytest.mark.parametrize("path", ["events", "events/batch"])
def test_a_packed_body_is_taken(ledger: Ledger, name: str, path: str) -> None:
    coding, pack = PACKERS[name]
    event = api.event(payload={"line": "x" * 5000})
    body = json.dumps(event if path == "events" else [event] * 3).encode()
    assert send(pack(body), coding, path).status_code == 201
    assert len(ledger.written()) == (1 if path == "events" else 3)


def test_packed_lines_are_taken(ledger: Ledger) -> None:
    body = b"".join(json.dumps(api.event()).encode() + b"\n" for _ in range(3))
    sent = gzip.compress(body)
    caller = api.agent()
    response = caller.post(
        "events/batch",
        raw=sent,
        content_type="application/x-ndjson",
        **{"Content-Encoding": "gzip"},
    )
    assert response.json()["created"] == 3


def test_packed_lines_in_chunks_show_their_end_and_are_taken(ledger: Ledger) -> None:
    def sent(body: bytes) -> Any:
        return api.agent().environ(
            "events/batch",
            HTTP_TRANSFER_ENCODING="chunked",
            HTTP_CONTENT_ENCODING="gzip",
            CONTENT_TYPE="application/x-ndjson",
            **{"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True},
        )

    whole = gzip.compress(json.dumps(api.event()).encode() * 1)
    assert sent(whole).status_code == 201
    assert "ends early" in api.problem(sent(whole[:-4]), 400, "bad-request")["detail"]


@pytest.mark.parametrize("name", PACKERS)
@pytest.mark.parametrize("size", [1, 7, 65_536])
def test_a_body_is_unpacked_however_it_is_split(name: str, size: int) -> None:
    coding, pack = PACKERS[name]
    for text in TEXTS:
        packed = pack(text)
        pieces = [packed[at : at + size] for at in range(0, len(packed), size)]
        assert b"".join(unpack(pieces, coding.lower())) == text


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_several_members_are_one_body(name: str) -> None:
    _, pack = PACKERS[name]
    assert b"".join(unpack([pack(b"one") + pack(b"") + pack(b"two")], name)) == b"onetwo"


@pytest.mark.parametrize("name", PACKERS)
def test_truncated_or_damaged_bodies_are_refused(name: str) -> None:
    coding, pack = PACKERS[name]
    packed = pack(b"some text that is long enough" * 10)
    for wrong in (packed[:1], packed[: len(packed) // 2], packed[:-1], b"\xff" + packed[1:]):
        with pytest.raises(DamagedError):
            b"".join(unpack([wrong], coding.lower()))


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd"])
def test_a_damaged_body_is_refused(ledger: Ledger, coding: str) -> None:
    detail = api.problem(send(b"[not packed]", coding), 400, "bad-request")["detail"]
    assert "damaged" in detail
    assert coding in detail


@pytest.mark.parametrize("coding", ["br", "gzip, gzip", "compress", "gzip;q=1"])
def test_an_unsupported_coding_is_refused_and_the_supported_ones_named(
    ledger: Ledger, coding: str
) -> None:
    response = send(gzip.compress(b"[]"), coding)
    assert coding in api.problem(response, 415, "unsupported-media-type")["detail"]
    assert response["Accept-Encoding"] == "gzip, deflate, zstd"


def test_parts_without_end_are_refused() -> None:
    for coding, empty in (("gzip", gzip.compress(b"")), ("zstd", zstandard.compress(b""))):
        with pytest.raises(DamagedError, match="more than 1,000 parts"):
            b"".join(unpack([empty * (MAX_MEMBERS + 1)], coding))


def zeros(mebibytes: int, coding: str) -> bytes:
    packer: Any = zlib.compressobj(9, wbits=31 if coding == "gzip" else 15)
    if coding == "zstd":
        packer = zstandard.ZstdCompressor(level=1).compressobj()
    pieces = [packer.compress(bytes(2**20)) for _ in range(mebibytes)]
    return b"".join([*pieces, packer.flush()])


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd"])
def test_a_bomb_is_refused_before_it_takes_memory(ledger: Ledger, coding: str) -> None:
    bomb = zeros(512, coding)
    assert len(bomb) < 2**20
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    detail = api.problem(send(bomb, coding), 413, "too-large")
    assert detail["max_bytes"] == 32 * 2**20
    # In KiB: the pieces up to the limit, and no copy of them.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 96 * 1024


def test_the_limit_of_one_event_holds_unpacked(ledger: Ledger) -> None:
    fits = json.dumps(api.event()).encode()
    assert send(gzip.compress(fits.ljust(2**21)), "gzip", "events").status_code == 201
    api.problem(send(gzip.compress(fits.ljust(2**21 + 1)), "gzip", "events"), 413, "too-large")
