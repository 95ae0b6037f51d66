"""Everything that happens before a database may be written, in this order.

Schema version → quick_check → chain (of a large file: from the last anchor) → head file →
migrate → indexes of tables that have grown long. (The instance
lock comes before all of it and is held by whoever calls this.) A newer schema, a damaged file
and a broken chain are refused, nothing is written. A whole chain that ends before the row the
head file names has lost its tail: the engine may start, but HALTED.
"""

import os
import sqlite3
from pathlib import Path

from engine.errors import DatabaseUnusable
from storage import head
from storage.connect import open_reader, unusable
from storage.hashchain import START, Link, at_seq, last, verify
from storage.longtables import index_long_tables
from storage.migrate import migrate, version_of

WHOLE_CHAIN_BYTES = 32 << 20  # up to this size the whole chain is checked: 0.3 s
RESTORE = "`pilothouse db restore` puts a backup in its place"


def prepare(path: Path) -> str:
    """Check, then create or migrate a database; return what its tail lost, "" if nothing.

    Raises DatabaseUnusable if it must not be written.
    """
    _refuse_read_only(path)
    lost = check(path) if version_of(path) else _missing(path)
    migrate(path)
    index_long_tables(path)
    return lost


def _refuse_read_only(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnusable(f"{path.parent} cannot be made: {error.strerror}") from error
    for what in (path.parent, path):
        if what.exists() and not os.access(what, os.W_OK):
            raise DatabaseUnusable(f"the database {path} cannot be written: {what} is read-only")


def _missing(path: Path) -> str:
    """Say what a head file knows of a database that is not there."""
    known = head.read(path)
    if known is None:
        return ""
    return f"the head file knows event {known.seq}, the database is empty"


def check(path: Path) -> str:
    """Check a database without writing; return what its tail lost, "" if nothing."""
    reader = open_reader(path)
    try:
        verdict = reader.execute("PRAGMA quick_check(3)").fetchall()
        if [row[0] for row in verdict] != ["ok"]:
            found = "; ".join(str(row[0]) for row in verdict)
            raise DatabaseUnusable(f"the database {path} is damaged ({found}); {RESTORE}")
        broken = verify(reader, _anchor(reader, path))
        if broken is not None:
            raise DatabaseUnusable(f"the journal of {path} is damaged: {broken}; {RESTORE}")
        return _tail_lost(reader, path)
    except sqlite3.Error as error:
        raise unusable(path, error) from error
    finally:
        reader.close()


def _anchor(reader: sqlite3.Connection, path: Path) -> Link:
    """Return the newest link the chain was known to be whole up to; START in a small file."""
    if path.stat().st_size <= WHOLE_CHAIN_BYTES:
        return START
    row = reader.execute("SELECT seq, hash FROM anchors ORDER BY seq DESC LIMIT 1").fetchone()
    return START if row is None else Link(*row)


def _tail_lost(reader: sqlite3.Connection, path: Path) -> str:
    known = head.read(path)
    if known is None:
        return ""
    end = last(reader)
    if known.seq > end.seq:
        return f"the head file knows event {known.seq}, the journal ends at {end.seq}"
    if at_seq(reader, known.seq) != known:
        raise DatabaseUnusable(
            f"event {known.seq} of {path} is another than the one the head file names: "
            f"this is the journal of another database; {RESTORE}"
        )
    return ""
