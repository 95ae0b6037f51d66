"""The hash chain of the journal: every row's hash covers the one before it.

hash = SHA-256 of prev_hash, seq, session_id, at, known_at, kind, subject, causation_seq and
payload joined by newlines; no causation is the empty text. The payload is the stored text,
never made again, so a change of the codec breaks no old chain.
"""

import sqlite3
from hashlib import sha256
from typing import NamedTuple

GENESIS = "0" * 64


class Link(NamedTuple):
    """Where the chain stands: the last row's number and hash."""

    seq: int
    hash: str


START = Link(0, GENESIS)


def link(
    prev_hash: str,
    seq: int,
    session_id: str,
    at: str,
    known_at: str,
    kind: str,
    subject: str,
    causation_seq: int | None,
    payload: str,
) -> str:
    """Return the hash of one row of the journal."""
    cause = "" if causation_seq is None else causation_seq
    text = (
        f"{prev_hash}\n{seq}\n{session_id}\n{at}\n{known_at}\n{kind}\n{subject}\n{cause}\n{payload}"
    )
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def last(db: sqlite3.Connection) -> Link:
    """Return the newest link of a database, START when the journal is empty."""
    row = db.execute("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1").fetchone()
    return START if row is None else Link(*row)


def at_seq(db: sqlite3.Connection, seq: int) -> Link | None:
    """Return the link with this number, None if the journal does not have it."""
    if seq == 0:
        return START
    row = db.execute("SELECT seq, hash FROM events WHERE seq = ?", (seq,)).fetchone()
    return None if row is None else Link(*row)


def verify(db: sqlite3.Connection, since: Link = START) -> str | None:
    """Check every row after a link; return the first fault in words, None when it is whole."""
    before = at_seq(db, since.seq)
    if before != since:
        return f"event {since.seq} is not the one that was there when it was anchored"
    seq, prev_hash = since
    rows = db.execute(
        "SELECT seq, session_id, at, known_at, kind, subject, causation_seq, payload, hash "
        "FROM events WHERE seq > ? ORDER BY seq",
        (seq,),
    )
    for found, *facts, stored in rows:
        seq += 1
        if found != seq:
            return f"event {seq} is missing, the next one is {found}"
        prev_hash = link(prev_hash, seq, *facts)
        if prev_hash != stored:
            return f"event {seq} does not match its hash"
    return None
