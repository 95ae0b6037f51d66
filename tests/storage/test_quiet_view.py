"""v_snapshots of days that were written as what changed."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from engine.domain import event as facts
from engine.domain.ids import InstrumentId
from engine.domain.instrument import stock_id
from engine.domain.market import Bar
from engine.domain.snapshot import Holding, QuietDays
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
