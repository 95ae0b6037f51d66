"""v_snapshots of days that were written as what changed."""

import json
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from engine.domain import event as facts
from engine.domain.ids import InstrumentId
from engine.domain.instrument import stock_id
from engine.domain.market import Bar
from engine.domain.snapshot import Holding, QuietDays
from storage.codec import VERSION, decode, encode
from storage.connect import open_reader, open_writer
from storage.queries.listing import rows
from tests.storage.samples import DAY, QQQ, position, snapshot, unit
from tests.storage.test_projections import tables


def bar(instrument: InstrumentId, close: Decimal) -> Bar:
    """A session that stood still."""
    return Bar(
        instrument=instrument, session_date=DAY, open=close, high=close, low=close, close=close,
        volume=Decimal(1_000),
    )  # fmt: skip


@pytest.mark.parametrize("quantity", ["0", "97"])
@pytest.mark.parametrize("signal", [QQQ, stock_id("TLT")])
async def test_quiet_days_are_shown_as_the_rows_they_stand_for(
    tmp_path: Path, quantity: str, signal: InstrumentId
) -> None:
    holdings = (Holding(QQQ, Decimal(quantity), Decimal("99.1")),) if quantity != "0" else ()
    first = snapshot(
        cash=Decimal("171.95"), holdings=holdings, held_cell=3, fees_to_date=Decimal("0.35"),
        before=Decimal(9_000), equity_at_fill=Decimal("9999.5"), baseline=Decimal("1.5"),
    )  # fmt: skip
    quiet = QuietDays(first, signal, Decimal("33.3"))
    for n, price in enumerate(("99.07", "120", "87.654321"), start=1):
        close = Decimal(price)
        assert quiet.add(DAY + timedelta(n), {key: bar(key, close / n) for key in (QQQ, signal)})
    before = [unit(position(quantity, "10000"))] if holdings else []
    short = await tables(tmp_path / "q.db", *before, unit(facts.SnapshotTaken(rows=quiet)))
    whole = await tables(tmp_path / "r.db", *before, unit(facts.SnapshotTaken(rows=tuple(quiet))))
    assert len(short["snapshots"]) == 4
    assert short["snapshots"] == whole["snapshots"]
    assert short["jobs"] == whole["jobs"]
    older = before_schema_5(quiet)
    assert decode("SnapshotTaken", VERSION, older) == facts.SnapshotTaken(rows=quiet)
    with closing(open_writer(tmp_path / "q.db")) as db:
        db.execute("DROP TRIGGER events_are_never_changed")
        db.execute("UPDATE events SET payload = ? WHERE kind = 'SnapshotTaken'", (older,))
    with closing(open_reader(tmp_path / "q.db")) as db:
        assert rows(db, "snapshots") == whole["snapshots"]


def before_schema_5(quiet: QuietDays) -> str:
    """The payload of these days as it was before: an array with all that changes."""
    payload = json.loads(encode(facts.SnapshotTaken(rows=quiet)))
    assert all(isinstance(day, str) for day in payload["quiet"]["days"])
    columns = [quiet.days, quiet.equities, quiet.highs, quiet.prices]
    days = zip(*columns, *([quiet.signals] if quiet.signals else []), strict=True)
    told = [[str(value) for value in day] for day in days]
    payload["quiet"]["days"] = [
        [day, equity, before[1], *rest] for before, (day, equity, *rest) in pairwise(told)
    ]
    return json.dumps(payload, separators=(",", ":"))
