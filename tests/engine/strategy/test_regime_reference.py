"""The model against the reference file and the tables of regime-strategy.md, section 17."""

from collections import Counter
from datetime import date
from decimal import Decimal
from functools import cache

import pytest

from engine.domain.regime import RegimeReading, VolState
from engine.strategy.regime import HISTORY_MIN, RegimeMemory
from tests.engine.strategy.material import QQQ, TLT, bar, market, model, rows_of

FIRST, LAST = date(2010, 1, 4), date(2018, 12, 31)


@cache
def market_readings(preset: str = "default") -> dict[date, RegimeReading]:
    """Every reading of a preset on the market files."""
    of, memory, readings = model(preset), RegimeMemory(), {}
    for n, (day, bars) in enumerate(market()):
        of.advance(memory, day, n, bars[QQQ], bars[TLT])
        if memory.reading is not None:
            readings[day] = memory.reading
    return readings


@cache
def reference_readings() -> dict[date, RegimeReading]:
    """Every reading from the reference file's own closes and volumes."""
    of, memory, readings = model(), RegimeMemory(), {}
    for n, row in enumerate(rows_of("regime_reference_2010_2018.csv")):
        day = date.fromisoformat(row["date"])
        same = bar(Decimal(row["qqq_close"]), day, volume=row["volume"])
        of.advance(memory, day, n, same, same)
        if memory.reading is not None:
            readings[day] = memory.reading
    return readings


def states(reading: RegimeReading) -> tuple[str, str, str, str]:
    """Trend, vol, cell and crush in the words of the file."""
    return (
        reading.trend.value,
        reading.vol.value,
        str(reading.cell),
        str(int(reading.vol_crush)),
    )


def expected_states(row: dict[str, str]) -> tuple[str, str, str, str]:
    return row["trend"], row["vol"], row["cell"], row["vol_crush"]


def test_no_reading_while_the_reference_warms_up() -> None:
    rows = rows_of("regime_reference_2010_2018.csv")
    readings = reference_readings()
    warm = [row for row in rows if row["grade"] == "warmup"]
    assert len(warm) == 220
    assert not any(date.fromisoformat(row["date"]) in readings for row in warm)
    assert len(readings) == len(rows) - 220


def test_all_exact_rows_of_the_reference_have_the_same_states() -> None:
    rows = [r for r in rows_of("regime_reference_2010_2018.csv") if r["grade"] == "exact"]
    readings = reference_readings()
    assert len(rows) == 1854
    for row in rows:
        reading = readings[date.fromisoformat(row["date"])]
        assert states(reading) == expected_states(row), row["date"]
        assert abs(reading.t_norm - float(row["t_norm"])) < 0.005
    margins = []
    for row in rows:
        r = readings[date.fromisoformat(row["date"])]
        distances = (r.t_norm - 0.05, r.t_norm + 0.3, r.z_score - 1, r.z_score - 0.2)
        margins.append(min(map(abs, distances)))
    near = [margin for margin in margins if margin < 1e-3]
    assert len(near) == 6, "the rows at a threshold, which agree as well"


def test_averages_z_and_t_agree_on_every_row_with_a_reading() -> None:
    readings = reference_readings()
    for row in rows_of("regime_reference_2010_2018.csv"):
        if row["grade"] == "warmup":
            continue
        reading = readings[date.fromisoformat(row["date"])]
        assert abs(reading.sma_fast - float(row["sma_fast"])) < 1e-6
        assert abs(reading.sma_slow - float(row["sma_slow"])) < 1e-6
        assert abs(reading.z_score - float(row["z_score"])) < 1e-6
        assert abs(reading.t_norm - float(row["t_norm_ref"])) < 1e-6
        assert str(reading.cell) == row["cell_ref"]
        assert (reading.vol.value, str(int(reading.vol_crush))) == (row["vol"], row["vol_crush"])


def test_market_prices_differ_from_the_reference_on_the_one_named_day() -> None:
    readings = market_readings()
    rows = [r for r in rows_of("regime_reference_2010_2018.csv") if r["grade"] == "exact"]
    different = {
        row["date"]
        for row in rows
        if states(readings[date.fromisoformat(row["date"])]) != expected_states(row)
    }
    assert different == {"2013-05-02"}
    assert round(readings[date(2013, 5, 2)].z_score, 4) == 1.0016


READINGS = [
    # date, close, fast, slow, T, z, crush, trend / vol, cell
    ("2011-09-07", 54.64, 55.074625, 56.435743, 0.121334, 2.334037, 1, "Sideways/Low", 3),
    ("2013-05-03", 72.12, 69.033500, 66.951086, 0.354486, 1.117626, 0, "BullStrong/High", 2),
    ("2013-05-08", 72.71, 69.308750, 67.073657, 0.572131, 0.996869, 0, "BullStrong/High", 2),
    ("2014-02-05", 84.69, 86.631750, 81.474214, -1.000000, 1.949643, 0, "Sideways/High", 4),
    ("2015-08-21", 102.40, 110.043250, 108.532000, -0.708393, 2.459707, 0, "Sideways/High", 4),
    ("2015-09-29", 99.47, 105.898500, 107.993786, -0.376956, 1.127477, 1, "Sideways/Low", 3),
    ("2015-10-02", 104.01, 105.246000, 107.923429, -0.323941, 0.717541, 0, "BearStrong/Low", 5),
    ("2016-01-21", 100.85, 110.240500, 109.021857, -1.000000, 0.999262, 0, "Sideways/High", 4),
    ("2016-03-03", 105.63, 102.109250, 107.163714, 0.685410, 0.595225, 0, "Sideways/High", 4),
    ("2017-08-03", 143.39, 140.985000, 134.782643, 0.050402, -0.524568, 1, "BullStrong/Low", 1),
    ("2018-02-05", 158.12, 161.654250, 151.522857, 0.009989, 2.978321, 0, "Sideways/High", 4),
    ("2018-12-24", 143.50, 164.318500, 174.738643, -1.000000, 1.393056, 0, "BearStrong/High", 6),
]


@pytest.mark.parametrize("golden", READINGS, ids=lambda golden: str(golden[0]))
def test_reading_of_a_telling_day(
    golden: tuple[str, float, float, float, float, float, int, str, int],
) -> None:
    day, close, fast, slow, t_norm, z, crush, state, cell = golden
    reading = reference_readings()[date.fromisoformat(day)]
    assert reading.close == close
    assert abs(reading.sma_fast - fast) < 1e-6
    assert abs(reading.sma_slow - slow) < 1e-6
    assert abs(reading.t_norm - t_norm) < 1e-6
    assert abs(reading.z_score - z) < 1e-6
    assert reading.vol_crush == bool(crush)
    assert f"{reading.trend.value}/{reading.vol.value}" == state
    assert reading.cell == cell


def test_a_crush_overrules_a_bear_and_its_low_is_remembered() -> None:
    readings = reference_readings()
    overruled = readings[date(2015, 9, 29)]
    assert overruled.trend_before_crush.value == "BearStrong"
    assert overruled.vol_by == "crush"
    later = readings[date(2015, 10, 2)]
    assert (later.vol_before, later.vol, later.vol_by) == (VolState.LOW, VolState.LOW, "hold")


def test_a_crush_beats_z_on_22_of_310_sessions() -> None:
    sessions = [r for day, r in market_readings().items() if FIRST <= day <= LAST]
    crushes = [r for r in sessions if r.vol_crush]
    assert (len(crushes), sum(r.z_score > 1 for r in crushes)) == (310, 22)


@pytest.mark.parametrize(
    ("preset", "counts"),
    [
        ("default", [790, 48, 1061, 296, 6, 63]),
        ("smooth15", [785, 39, 1068, 303, 4, 65]),
        ("classic126", [562, 55, 1170, 408, 3, 66]),
        ("noise2000", [532, 62, 1199, 409, 4, 58]),
    ],
)
def test_readings_per_cell_on_the_market_files(preset: str, counts: list[int]) -> None:
    cells = Counter(r.cell for day, r in market_readings(preset).items() if FIRST <= day <= LAST)
    assert [cells[cell] for cell in range(1, 7)] == counts


def test_first_reading_and_short_history_come_where_the_spec_says() -> None:
    readings = market_readings()
    assert min(readings) == date(2009, 12, 15)
    short = [day for day, reading in readings.items() if reading.short_history]
    assert max(short) < date(2012, 1, 23) == min(set(readings) - set(short))
    assert readings[date(2012, 1, 23)].bars == HISTORY_MIN


def test_near_thresholds_are_as_frequent_as_the_spec_says() -> None:
    sessions = [r for day, r in market_readings().items() if FIRST <= day <= LAST]
    assert sum(abs(r.t_norm - 0.05) <= 0.02 for r in sessions) == 61
    assert sum(abs(r.z_score - 1.0) <= 0.05 for r in sessions) == 31
