"""The tamper corpus: ways to falsify the ledger, by subject, each with the observers that find it
and where.

Invariant: a case that some observer misses says why.
"""

from __future__ import annotations

from observers.tests.corpus import (
    altered,
    appends,
    application,
    decided,
    dropped,
    forked,
    guards,
    inserted,
    keys,
    reordered,
    resigned,
    rolled_back,
    unnumbered,
    unseen,
    warnings,
    writer_held,
)
from observers.tests.corpus.case import Case

SUBJECTS: dict[str, list[Case]] = {
    "Altered": altered.CASES,
    "Dropped and cut off": dropped.CASES,
    "Inserted and replayed": inserted.CASES,
    "Outside the sequence": unnumbered.CASES,
    "Reordered": reordered.CASES,
    "Forked": forked.CASES,
    "Signed again": resigned.CASES,
    "Keys that writers hold": writer_held.CASES,
    "The record of appends": appends.CASES,
    "Keys and witnesses": keys.CASES,
    "People, ceremonies, halts": decided.CASES,
    "Warnings of drift": warnings.CASES,
    "Guards of the database": guards.CASES,
    "By the application's role": application.CASES,
    "Rolled back and rewritten": rolled_back.CASES,
    "Beyond what the inside can show": unseen.CASES,
}
CASES = [case for cases in SUBJECTS.values() for case in cases]
