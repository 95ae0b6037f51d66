"""Latest values: the engine's heartbeat and quotes. Overwritten, never journaled."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import fields
from datetime import date
from typing import Any

from engine.domain.ids import InstrumentId, SessionId
from engine.domain.instrument import symbol_of
from engine.domain.market import Feed, Quote
from engine.domain.money import from_micro, micro
from engine.domain.times import parse_utc, utc_text
from engine.ports import Heartbeat, Reach

_COLUMNS = tuple(field.name for field in fields(Heartbeat))
_BEAT = (
    f"INSERT OR REPLACE INTO latest_heartbeat (id, {', '.join(_COLUMNS)}) "  # noqa: S608
    f"VALUES (1, {', '.join('?' * len(_COLUMNS))})"
)
_QUOTE = (
    "INSERT OR REPLACE INTO latest_quotes (instrument, session_id, bid_u, ask_u, at, feed) "
    "VALUES (?, ?, ?, ?, ?, ?)"
)


def write(db: sqlite3.Connection, beat: Heartbeat, quotes: Sequence[Quote]) -> None:
    """Overwrite the heartbeat and the quotes given, inside a transaction."""
    values: list[Any] = [getattr(beat, name) for name in _COLUMNS]
    values[_COLUMNS.index("wall_at")] = utc_text(beat.wall_at)
    values[_COLUMNS.index("clock_at")] = beat.clock_at and utc_text(beat.clock_at)
    values[_COLUMNS.index("compared_at")] = beat.compared_at and utc_text(beat.compared_at)
    values[_COLUMNS.index("session_date")] = beat.session_date and beat.session_date.isoformat()
    values[_COLUMNS.index("reach")] = beat.reach and json.dumps(_reach_json(beat.reach))
    since = {item: utc_text(at) for item, at in beat.since.items()}
    values[_COLUMNS.index("since")] = json.dumps(since)
    db.execute(_BEAT, values)
    if quotes:
        db.executemany(
            _QUOTE,
            [
                (
                    quote.instrument,
                    beat.session_id,
                    micro(quote.bid),
                    micro(quote.ask),
                    utc_text(quote.at),
                    quote.feed.value,
                )
                for quote in quotes
            ],
        )


def _reach_json(reach: Reach) -> dict[str, Any]:
    return {name.name: getattr(reach, name.name) for name in fields(Reach)} | {
        "farms": dict(reach.farms)
    }


def heartbeat(db: sqlite3.Connection) -> Heartbeat | None:
    """Return the engine's last pulse, None if there never was one."""
    row = db.execute("SELECT * FROM latest_heartbeat").fetchone()
    if row is None:
        return None
    found: dict[str, Any] = {name: row[name] for name in _COLUMNS}
    found["session_id"] = SessionId(row["session_id"])
    found["wall_at"] = parse_utc(row["wall_at"])
    found["clock_at"] = row["clock_at"] and parse_utc(row["clock_at"])
    found["compared_at"] = row["compared_at"] and parse_utc(row["compared_at"])
    found["session_date"] = row["session_date"] and date.fromisoformat(row["session_date"])
    found["reach"] = row["reach"] and Reach(**json.loads(row["reach"]))
    found["since"] = {item: parse_utc(at) for item, at in json.loads(row["since"]).items()}
    return Heartbeat(**found)


def quotes(db: sqlite3.Connection, session_id: str) -> list[Quote]:
    """Return the latest quotes of a session, by symbol."""
    rows = db.execute(
        "SELECT instrument, bid_u, ask_u, at, feed FROM latest_quotes WHERE session_id = ?",
        (session_id,),
    ).fetchall()
    return sorted(
        (
            Quote(
                instrument=InstrumentId(row["instrument"]),
                bid=from_micro(row["bid_u"]),
                ask=from_micro(row["ask_u"]),
                at=parse_utc(row["at"]),
                feed=Feed(row["feed"]),
            )
            for row in rows
        ),
        key=lambda quote: symbol_of(quote.instrument),
    )
