"""A book as it was after any event: its journal folded into a private database in memory.

The engine's own projections make the tables, up to one event; the journal itself is looked at
in the file, through a view that ends at the same event. So the queries of the panes run here
unchanged. Copies of the tables are kept along the way: to go back is to take the nearest one
and fold on from there. What was never journaled, quotes and the heartbeat, is not here.
"""

import sqlite3
import time
from bisect import bisect_right
from pathlib import Path

from engine.domain.times import parse_utc
from storage.codec import decode
from storage.connect import lenient_text
from storage.migrate import migrations, statements
from storage.projections import INERT, project
from storage.projections.row import Place

KEYFRAMES = 16
_PAGE = 250

_INERT = ", ".join(f"'{kind.__name__}'" for kind in sorted(INERT, key=lambda kind: kind.__name__))
# no table holds how a decision was come to, and it is most of what there is to read
_LEAN = (
    "CASE kind WHEN 'DecisionMade' THEN json_set(payload, '$.series', json('[]'), "
    "'$.gates', json('[]'), '$.steps', json('[]'), '$.legs', json('[]')) ELSE payload END"
)
_EVENTS = (
    f"SELECT seq, session_id, at, kind, version, {_LEAN} FROM journal.events "  # noqa: S608
    "WHERE seq > ? AND seq <= ? AND session_id IN (SELECT session_id FROM journal.sessions "
    f"WHERE book = ?) AND kind NOT IN ({_INERT}) ORDER BY seq LIMIT {_PAGE}"
)


class Rewind:
    """Tables of one book that end at `seq`; lives on one thread."""

    def __init__(self, path: Path, book: str, first_seq: int, last_seq: int) -> None:
        self.path = path
        self._book = book
        self._then: _Fold | None = None
        self._shown = _Fold(path, book)
        _look_through(self._shown)
        self._ahead = _Fold(path, book)
        wanted = max(1, KEYFRAMES - 1)
        span = last_seq - first_seq
        self._marks = sorted({first_seq + span * n // wanted for n in range(wanted + 1)})
        self._kept: dict[int, sqlite3.Connection] = {}

    @property
    def db(self) -> sqlite3.Connection:
        """The tables, and the journal as far as it went; to be read only."""
        return self._shown.db

    @property
    def seq(self) -> int:
        """The last event that is folded."""
        return self._shown.seq

    def close(self) -> None:
        """Let go of everything."""
        for one in (self._shown, self._ahead, self._then, *self._kept.values()):
            if one is not None:
                one.close()
        self._kept.clear()

    def seek(self, seq: int) -> None:
        """Make the tables those after an event."""
        self._seek(self._shown, seq)

    def then(self, seq: int) -> sqlite3.Connection:
        """Return tables after another event, beside those that are shown; to be read only."""
        if self._then is None:
            self._then = _Fold(self.path, self._book)
            _look_through(self._then)
        self._seek(self._then, seq)
        return self._then.db

    def _seek(self, fold: "_Fold", seq: int) -> None:
        self._nearest(fold, seq)
        self._on(fold, seq, float("inf"))
        fold.db.execute("UPDATE temp.until SET seq = ?", (seq,))

    def prepare(self, within_s: float) -> bool:
        """Keep copies ahead of need, for a moment; say whether all are kept."""
        missing = next((mark for mark in self._marks if mark not in self._kept), None)
        if missing is None:
            return True
        self._nearest(self._ahead, missing)
        self._on(self._ahead, missing, time.monotonic() + within_s)
        return len(self._kept) == len(self._marks)

    def _nearest(self, fold: "_Fold", seq: int) -> None:
        """Begin from the nearest copy before an event, or from where the tables are."""
        kept = sorted(self._kept)
        at = bisect_right(kept, seq) - 1
        copy = kept[at] if at >= 0 else 0
        if fold.seq <= seq and fold.seq >= copy:
            return
        if copy:
            self._kept[copy].backup(fold.db)
            fold.seq = copy
        else:
            fold.empty()

    def _on(self, fold: "_Fold", seq: int, until: float) -> None:
        """Fold on to an event, keeping copies where they are due."""
        for mark in self._marks:
            if fold.seq < mark <= seq or fold.seq == mark:
                if not fold.on(mark, until):
                    return
                if mark not in self._kept:
                    self._kept[mark] = fold.copy()
        fold.on(seq, until)


class _Fold:
    """Tables in memory, and how far they are folded."""

    def __init__(self, path: Path, book: str) -> None:
        self.seq = 0
        self._book = book
        self.db = _connect()
        self.views = _make_tables(self.db)
        self.db.execute("ATTACH ? AS journal", (f"{path.resolve().as_uri()}?mode=ro",))
        self._blank = self.copy()
        self._ended = {
            row[0]: parse_utc(row[1])
            for row in self.db.execute(
                "SELECT session_id, ended_at FROM journal.sessions "
                "WHERE book = ? AND ended_at IS NOT NULL",
                (book,),
            )
        }

    def close(self) -> None:
        """Let go of the tables."""
        self._blank.close()
        self.db.close()

    def empty(self) -> None:
        """Begin again."""
        self._blank.backup(self.db)
        self.seq = 0

    def copy(self) -> sqlite3.Connection:
        """Return a copy of the tables."""
        kept = sqlite3.connect(":memory:")
        self.db.backup(kept)
        return kept

    def on(self, seq: int, until: float) -> bool:
        """Fold on to an event; say whether it was reached before the time was over."""
        while self.seq < seq:
            if time.monotonic() >= until:
                return False
            rows = self.db.execute(_EVENTS, (self.seq, seq, self._book)).fetchall()
            self.db.execute("BEGIN")
            try:
                for row in rows:
                    self._take(row)
                self.db.execute("COMMIT")
            except BaseException:
                self.db.execute("ROLLBACK")
                raise
            self.seq = rows[-1]["seq"] if len(rows) == _PAGE else seq
        return True

    def _take(self, row: sqlite3.Row) -> None:
        seq, session_id, at, kind, version, payload = row
        event = decode(kind, version, payload)
        # the wall time of an end is told by its row alone; no other projection asks for it
        ended = self._ended.get(session_id) or parse_utc(at)
        project(self.db, Place(seq, session_id, self._book, at, lambda: ended), event)


def _connect() -> sqlite3.Connection:
    db = sqlite3.connect("file::memory:", uri=True, isolation_level=None)
    db.execute("PRAGMA temp_store=MEMORY")
    db.row_factory = sqlite3.Row
    db.text_factory = lenient_text
    return db


def _make_tables(db: sqlite3.Connection) -> list[str]:
    """Make the schema without the journal, which stays in its file; return how views are made."""
    for step in migrations():
        for statement in statements(step.sql):
            db.execute(statement)
    views = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'view'").fetchall()
    for name, _ in views:
        db.execute(f"DROP VIEW {name}")
    db.execute("DROP TABLE events")
    return [str(sql) for _, sql in views]


def _look_through(fold: _Fold) -> None:
    """Make the contract views over the tables and over the journal as far as it went."""
    fold.db.execute("CREATE TEMP TABLE until (seq INTEGER NOT NULL)")
    fold.db.execute("INSERT INTO temp.until VALUES (0)")
    fold.db.execute(
        "CREATE TEMP VIEW events AS SELECT * FROM journal.events "
        "WHERE seq <= (SELECT seq FROM temp.until)"
    )
    for sql in fold.views:
        fold.db.execute(sql.replace("CREATE VIEW", "CREATE TEMP VIEW", 1))
