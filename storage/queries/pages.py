"""Pages of tables too long to be read: ordered, filtered and counted where they are.

A page is found by its place (value of the order's column, seq), never by its number, so the
last page costs what the first does. What no index answers, a filter that few rows meet or a
count, is searched piece by piece: `Page.on` works for some milliseconds and says how far it
came, so that a screen shows what was found and goes on.
"""

import sqlite3
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from storage.connect import reason
from storage.queries.fetch import Row, fetch
from storage.queries.long import LONG, Condition, Long, conditions_sql

HALF = 200  # rows on either side of the row that a window is around
EXPORTED = 2_000  # rows that are read at once when all are wanted
PIECE = 20_000  # entries of an index that are searched between two looks at the clock
LOOKED_UP = 4_000  # the same where each entry's row must be looked up
COUNTED = 50_000  # events whose rows are counted at once
RESTING = 10.0  # a count is made anew when it is this many times older than it took


@dataclass(frozen=True, slots=True)
class Window:
    """Which rows of a long table are wanted."""

    topic: str
    conditions: tuple[Condition, ...] = ()
    by: str = ""  # a column of `Long.orders` or HAPPENED; "": as it happened
    down: bool = False
    around: str | None = None  # a row's key; None: the first rows
    from_end: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """What a page is of its table."""

    window: Window
    total: int
    matching: int
    first: bool  # nothing is before these rows
    last: bool  # nothing is after them
    searched: bool  # all rows of the page were looked for
    counted: bool  # all rows of the table were looked at for `matching`
    whole: bool  # and for `total`


class _Place(NamedTuple):
    value: object  # None where nothing is ordered by, or the value is unknown
    seq: int


class Page:
    """One window's rows, and how many there are; lives on the reading thread."""

    def __init__(self, window: Window, scopes: Mapping[str, str]) -> None:
        """Scopes: the book and the session whose rows these are, by column."""
        self.window = window
        self._long = LONG[window.topic]
        scope = self._scope = scopes[self._long.scope]
        self._walks: list[_Walk] = []
        self._keys: list[object] = []
        self._rest = _Rest()
        self._total = _Tally(self._long, scope, ())
        self._tally = _Tally(self._long, scope, window.conditions)
        self.rows: tuple[Row, ...] = ()

    @property
    def unfinished(self) -> bool:
        """Whether there is more to be searched or counted."""
        return not (self._searched and self._counted.complete and self._total.complete)

    @property
    def _searched(self) -> bool:
        return bool(self._walks) and all(walk.done for walk in self._walks)

    @property
    def _counted(self) -> "_Tally":
        return self._tally if self.window.conditions else self._total

    def show(self, window: Window) -> None:
        """Another window of the same table; what was counted stays counted."""
        if window.conditions != self.window.conditions:
            self._tally = _Tally(self._long, self._scope, window.conditions)
        self.window = window
        self._walks, self._keys = [], []

    def again(self) -> None:
        """Rows changed."""
        self._rest.stale = self._total.rest.stale = self._tally.rest.stale = True

    def on(self, db: sqlite3.Connection, within_s: float) -> Part:
        """Search and count for a while; return what is known by then."""
        until = time.monotonic() + within_s
        begins = not self._walks
        if begins or self._rest.over:
            self._walks = self._begin(db)
            self._rest.begin()
        for walk in self._walks:
            walk.on(db, until)
        if self._searched:
            self._rest.end()
        if self._searched or len(self._found()) >= len(self._keys):
            self._keys = self._found()  # else those of before: a search begun anew is not shown
        self.rows = self._read(db)
        if not begins:  # rows first: somebody waits for them
            self._total.on(db, until)
            self._counted.on(db, until)
        before, after = self._walks[0], self._walks[-1]
        return Part(
            window=self.window,
            total=self._total.count,
            matching=self._counted.count,
            first=before.at_end if before.backwards else True,
            last=True if after.backwards else after.at_end,
            searched=self._searched,
            counted=self._counted.complete,
            whole=self._total.complete,
        )

    def tried(self, db: sqlite3.Connection, within_s: float) -> Part | str:
        """Work for a while like `on`; the words for why it could not be read."""
        try:
            return self.on(db, within_s)
        except sqlite3.Error as error:
            return reason(error)

    def _begin(self, db: sqlite3.Connection) -> list["_Walk"]:
        """Walk from the row that is wanted both ways, or from one end."""
        window = self.window
        start = _place(db, self._long, self._scope, window)
        if start is None:
            whole = 2 * HALF
            return [_Walk(self._long, self._scope, window, None, window.from_end, whole)]
        return [
            _Walk(self._long, self._scope, window, start, True, HALF),
            _Walk(self._long, self._scope, window, start, False, HALF),
        ]

    def _found(self) -> list[object]:
        keys: list[object] = []
        for walk in self._walks:
            keys += reversed(walk.keys) if walk.backwards else walk.keys
        return keys

    def _read(self, db: sqlite3.Connection) -> tuple[Row, ...]:
        rows = _rows(db, self._long, self._scope, self._keys)
        beside = self._long.beside
        return rows if beside is None else tuple(beside(db, rows))


def _rows(db: sqlite3.Connection, long: Long, scope: str, keys: list[object]) -> tuple[Row, ...]:
    """Return the rows of these keys, in their order."""
    if not keys:
        return ()
    marks = ",".join("?" * len(keys))
    rows = long.read or f"SELECT * FROM {long.view} AS r"  # noqa: S608
    sql = f"{rows} WHERE r.{long.scope} = ? AND r.{long.key} IN ({marks})"
    by_key = {row[long.key]: row for row in fetch(db, sql, scope, *keys)}
    return tuple(by_key[key] for key in keys if key in by_key)


def same_rows(
    db: sqlite3.Connection, scopes: Mapping[str, str], topic: str, rows: Sequence[Mapping[str, Any]]
) -> tuple[Row, ...]:
    """Return what these rows are in another database, those that are there."""
    long = LONG[topic]
    found = _rows(db, long, scopes[long.scope], [row[long.key] for row in rows])
    return found if long.beside is None else tuple(long.beside(db, found))


def count(
    db: sqlite3.Connection, scopes: Mapping[str, str], window: Window, within_s: float
) -> tuple[int, bool]:
    """Return how many rows meet a window's conditions, and whether all were looked at by then."""
    long = LONG[window.topic]
    tally = _Tally(long, scopes[long.scope], window.conditions)
    tally.on(db, time.monotonic() + within_s)
    return tally.count, tally.complete


def every(
    db: sqlite3.Connection, scopes: Mapping[str, str], window: Window
) -> Generator[tuple[Row, ...], None, None]:
    """Yield all rows that meet a window's conditions, in its order, piece by piece.

    All as of one moment: what is written meanwhile is not among them.
    """
    long = LONG[window.topic]
    scope = scopes[long.scope]
    walk = _Walk(long, scope, window, None, False, EXPORTED)
    db.execute("BEGIN")
    try:
        while not walk.at_end:
            walk.keys.clear()
            walk.on(db, float("inf"))
            yield _rows(db, long, scope, walk.keys)
    finally:
        db.execute("ROLLBACK")


@dataclass(slots=True)
class _Rest:
    """When something is worked out anew: after ten times the time it took."""

    stale: bool = False
    running: bool = False
    began: float = 0.0
    took_s: float = 0.0

    @property
    def over(self) -> bool:
        """Whether it is due."""
        waited = time.monotonic() - self.began
        return self.stale and not self.running and waited > RESTING * self.took_s

    def begin(self) -> None:
        """It begins now."""
        self.stale, self.running, self.began = False, True, time.monotonic()

    def end(self) -> None:
        """It is done."""
        if self.running:
            self.running, self.took_s = False, time.monotonic() - self.began


def _place(db: sqlite3.Connection, long: Long, scope: str, window: Window) -> _Place | None:
    """Return where the wanted row stands; None without one, or where it is gone."""
    if window.around is None:
        return None
    value = long.orders.get(window.by, ("NULL", ""))[0]
    found = db.execute(
        f"SELECT {value}, seq FROM {long.table} "  # noqa: S608
        f"WHERE {long.scope} = ? AND {long.key} = ?",
        (scope, window.around),
    ).fetchone()
    return None if found is None else _Place(found[0], found[1])


class _Walk:
    """Rows from a place in one direction, the place's own where it goes forward."""

    def __init__(
        self, long: Long, scope: str, window: Window, start: _Place | None, backwards: bool,
        wanted: int,
    ) -> None:  # fmt: skip
        self.backwards = backwards
        self.keys: list[object] = []
        self.at_end = False
        self._long, self._scope, self._wanted = long, scope, wanted
        value, index = long.orders.get(window.by, ("", long.index))
        down = (window.down if window.by else long.down) != backwards
        self._sign, self._direction = ("<", "DESC") if down else (">", "ASC")
        self._value = value
        self._index = index
        self._piece_size = PIECE if index == long.index else LOOKED_UP
        self._where, self._values = conditions_sql(long, window.conditions)
        # what is not known stands last, whichever way the others are ordered
        segments = ["known", "unknown"] if value else ["all"]
        if backwards:
            segments.reverse()
        if start is not None and value:
            segments = segments[segments.index("unknown" if start.value is None else "known") :]
        self._segments = segments
        self._at = start
        self._inclusive = not backwards

    @property
    def done(self) -> bool:
        """Whether all that is wanted was found, or there is no more."""
        return self.at_end or len(self.keys) >= self._wanted

    def on(self, db: sqlite3.Connection, until: float) -> bool:
        """Go on; say whether it is done."""
        while not self.done:
            self._piece(db)
            if time.monotonic() >= until:
                break
        return self.done

    def _piece(self, db: sqlite3.Connection) -> None:
        """Take the rows of the next piece that meet the conditions."""
        segment = self._segments[0]
        where, values = self._beyond(segment)
        order = f"seq {self._direction}"
        if segment == "known":
            order = f"{self._value} {self._direction}, {order}"
        table = f"{self._long.table} {_hint(db, self._index)}"
        end: _Place | None = None
        if self._where:
            shown = self._value or "NULL"
            found = db.execute(
                f"SELECT {shown}, seq FROM {table} WHERE {where} "  # noqa: S608
                f"ORDER BY {order} LIMIT 1 OFFSET {self._piece_size - 1}",
                values,
            ).fetchone()
            if found is not None:
                end = _Place(found[0], found[1])
                upto, more = self._compare(segment, end, f"{self._sign}=", flip=True)
                where, values = f"{where} AND {upto}", [*values, *more]
            where, values = f"{where} AND {self._where}", [*values, *self._values]
        rest = self._wanted - len(self.keys)
        rows = db.execute(
            f"SELECT {self._long.key}, {self._value or 'NULL'}, seq FROM {table} "  # noqa: S608
            f"WHERE {where} ORDER BY {order} LIMIT {rest}",
            values,
        ).fetchall()
        self.keys += [row[0] for row in rows]
        self._inclusive = False
        if len(rows) == rest:
            self._at = _Place(rows[-1][1], rows[-1][2])
        elif end is not None:
            self._at = end
        elif len(self._segments) > 1:
            self._segments = self._segments[1:]
            self._at = None
        else:
            self.at_end = True

    def _beyond(self, segment: str) -> tuple[str, list[object]]:
        where = [f"{self._long.scope} = ?"]
        values: list[object] = [self._scope]
        if segment != "all":
            where.append(f"{self._value} IS {'NOT ' if segment == 'known' else ''}NULL")
        if self._at is not None:
            sign = f"{self._sign}=" if self._inclusive else self._sign
            text, more = self._compare(segment, self._at, sign)
            where.append(text)
            values += more
        return " AND ".join(where), values

    def _compare(
        self, segment: str, place: _Place, sign: str, *, flip: bool = False
    ) -> tuple[str, list[object]]:
        if flip:  # not beyond a place, instead of beyond it
            sign = sign.translate(str.maketrans("<>", "><"))
        if segment == "known":
            return f"({self._value}, seq) {sign} (?, ?)", [place.value, place.seq]
        return f"seq {sign} ?", [place.seq]


def _hint(db: sqlite3.Connection, index: str) -> str:
    """Name the index of a long table; a short one has none (storage/longtables.py)."""
    there = db.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (index,)).fetchone()
    return f"INDEXED BY {index}" if there else ""


class _Tally:
    """How many rows meet conditions: counted piece by piece, then only what is new.

    Rows that change without being new (a status, a correction) are seen when all are counted
    anew, which is done at most a tenth of the time.
    """

    def __init__(self, long: Long, scope: str, conditions: tuple[Condition, ...]) -> None:
        self.rest = _Rest()
        self._long, self._scope = long, scope
        self._where, self._values = conditions_sql(long, conditions)
        self._known: int | None = None  # of the last complete count
        self._count = 0
        self._upto = 0

    @property
    def count(self) -> int:
        """How many are known of."""
        return self._count if self._known is None else self._known

    @property
    def complete(self) -> bool:
        """Whether every row was looked at."""
        return self._known is not None

    def on(self, db: sqlite3.Connection, until: float) -> None:
        """Count on."""
        if self._known is None and not self._upto:
            self.rest.begin()
        elif self._known is not None and self.rest.over:
            self._count = self._upto = 0
            self.rest.begin()
        newest = db.execute("SELECT max(seq) FROM events").fetchone()[0] or 0
        worked = False
        while self._upto < newest and not (worked and time.monotonic() >= until):
            end = min(self._upto + COUNTED, newest)
            self._count += self._between(db, self._upto, end)
            self._upto, worked = end, True
        if self._upto >= newest:
            self._known = self._count
            if worked:
                self.rest.end()

    def _between(self, db: sqlite3.Connection, after: int, upto: int) -> int:
        table = f"{self._long.table} {_hint(db, self._long.index)}"
        found = db.execute(
            f"SELECT count(*) FROM {table} "  # noqa: S608
            f"WHERE {self._long.scope} = ? AND seq > ? AND seq <= ?"
            + (f" AND {self._where}" if self._where else ""),
            (self._scope, after, upto, *self._values),
        ).fetchone()
        return int(found[0])
