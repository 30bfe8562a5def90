"""Event ids and salts are random, also in a process that was forked."""

from __future__ import annotations

import os
import time
from uuid import RFC_4122, UUID

import pytest

from events.format.event import new_event_id, random_piece


def test_an_event_id_is_a_uuid_of_version_7_of_this_moment() -> None:
    before = time.time_ns() // 1_000_000
    known = UUID(new_event_id())
    after = time.time_ns() // 1_000_000
    assert (known.version, known.variant) == (7, RFC_4122)
    assert before <= known.int >> 80 <= after


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_forked_processes_draw_neither_the_same_ids_nor_the_same_salts() -> None:
    new_event_id(), random_piece()
    drawn = [_in_fork() for _ in range(2)] + [_draw()]
    assert len(set().union(*drawn)) == sum(map(len, drawn))


def _draw() -> set[str]:
    """Ten values of each kind; of ids only what the clock has no part in."""
    return {random_piece().hex() for _ in range(10)} | {new_event_id()[14:] for _ in range(10)}


def _in_fork() -> set[str]:
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, " ".join(_draw()).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answers:
        drawn = set(answers.read().split())
    os.waitpid(child, 0)
    return drawn
