"""The chart: fills where their session and price are, spikes and gaps kept, drawn in time."""

import time
from datetime import date, timedelta
from typing import Any

import pytest

from tui.panes.chart import Shape, chart_lines, placed_fills, strip, x_of

FIRST = date(2024, 1, 1)


def days(*prices: float, cell: int = 1) -> list[dict[str, Any]]:
    """A row for each price, one a day."""
    return [
        {"session_date": (FIRST + timedelta(days=n)).isoformat(), "price": p, "of": "close",
         "cell": cell}
        for n, p in enumerate(prices)
    ]  # fmt: skip


def fill(day: int, price: float, side: str = "BUY") -> dict[str, Any]:
    """A fill at three in the afternoon, exchange time."""
    at = f"{(FIRST + timedelta(days=day)).isoformat()}T20:00:00.000000Z"
    return {"exec_id": f"{day}", "at": at, "side": side, "price": price, "quantity": 1.0}


def drawn(rows: Any, fills: Any = (), *, width: int = 40, height: int = 10) -> list[str]:
    """The lines of a chart, without the axis."""
    shape = Shape(rows, fills, width, height, averages=True, newest=True)
    return ["".join(span.text for span in each.spans)[1 : width + 1] for each in chart_lines(shape)]


def test_a_fill_stands_at_its_session_and_price() -> None:
    rows = days(*(100 + n for n in range(40)))
    lines = drawn(rows, [fill(0, 100.0), fill(20, 120.0, "SELL"), fill(39, 139.0)])
    assert lines[-1][0] == "B"
    assert lines[0][39] == "B"
    found = [(y, line.index("S")) for y, line in enumerate(lines) if "S" in line]
    assert found[0][1] == 20
    assert 4 <= found[0][0] <= 5


def test_a_buy_and_a_sale_in_one_cell_are_both_said() -> None:
    lines = drawn(days(100.0, 101.0), [fill(0, 100.0), fill(0, 100.0, "SELL")])
    assert "X" in lines[-1]


def test_fills_before_the_shown_are_left_and_the_youngest_stand_at_the_end() -> None:
    rows = days(1.0, 2.0, 3.0)
    fills = [fill(-1, 1.0), fill(1, 2.0), fill(9, 3.0)]
    assert [n for n, _ in placed_fills(rows, fills, newest=True)] == [1, 2]
    assert [n for n, _ in placed_fills(rows, fills, newest=False)] == [1]


def test_a_spike_survives_and_a_mean_far_away_does_not_flatten_the_line() -> None:
    prices = [100.0] * 500
    prices[251] = 200.0
    rows = days(*prices)
    for row in rows:
        row |= {"sma_fast": 5_000.0, "sma_slow": None}
    lines = drawn(rows, width=60)
    assert sum(1 for line in lines if line.strip()) == 10
    assert "▀" in lines[0] + lines[1] or "█" in lines[0]


@pytest.mark.parametrize("count", [1, 2, 9, 40, 41, 400])
def test_every_session_has_a_column(count: int) -> None:
    rows = days(*(float(n) for n in range(count)))
    columns = min(40, count * max(1, min(4, 40 // count)))
    places = [x_of(n, count, columns) for n in range(count)]
    assert places == sorted(places)
    assert 0 <= places[0] <= places[-1] < columns
    digits = "".join(s.text for s in strip(rows, {r["session_date"]: r for r in rows}, 40).spans)
    assert digits.count("1") == columns


@pytest.mark.bench
def test_five_hundred_points_are_drawn_in_time() -> None:
    rows = days(*(100 + n % 37 for n in range(500)))
    fills = [fill(n, 110.0) for n in range(0, 500, 5)]
    drawn(rows, fills, width=110, height=30)
    took = []
    for _ in range(5):
        began = time.process_time()
        drawn(rows, fills, width=110, height=30)
        took.append(time.process_time() - began)
    assert min(took) < 0.025
