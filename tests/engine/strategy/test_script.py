"""Signals read from a CSV: what is read, what is refused, when a row is raised."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from engine.domain.order import OrderType, Side
from engine.domain.session import Slot
from engine.domain.signal import SignalKind
from engine.errors import SettingsError
from engine.strategy import registry
from engine.strategy.base import Wish
from engine.strategy.parameter import Resolved
from engine.strategy.script import ScriptMemory, ScriptStrategy, parse
from tests.engine.strategy.material import QQQ, TLT, Facts

HEADER = "time,instrument,kind,side,quantity,weight,strength,type,limit,stop"
FRIDAY = date(2026, 11, 20)
MONDAY = date(2026, 11, 23)


def text_of(*lines: str, header: str = HEADER) -> str:
    return "\n".join((header, *lines)) + "\n"


def resolved_of(file: str) -> Resolved:
    """Return the parameters of a script."""
    return registry.resolve("script", "default", {"file": file})


def script(*lines: str, header: str = HEADER) -> ScriptStrategy:
    """Return a script with these lines."""
    strategy = registry.create(resolved_of("rehearsal.csv"), script=text_of(*lines, header=header))
    assert isinstance(strategy, ScriptStrategy)
    return strategy


def raised(strategy: ScriptStrategy, day: date, over: Sequence[date] = ()) -> tuple[Wish, ...]:
    """Return what the script raises at a slot after these sessions are over."""
    memory = strategy.memory()
    for n, session in enumerate(over):
        strategy.advance(memory, session, n, {})
    verdict = strategy.decide(memory, Facts(session_date=day, prices={QQQ: Decimal(50)}))
    return () if verdict is None else verdict.wishes


def findings(*lines: str, header: str = HEADER) -> tuple[str, ...]:
    """Return what is wrong with a text."""
    with pytest.raises(SettingsError) as caught:
        parse(text_of(*lines, header=header), "rehearsal.csv")
    return caught.value.findings


def test_a_row_is_read_as_it_is_written() -> None:
    (row,) = parse(text_of("2026-11-20,QQQ,ENTER,BUY,10,,0.85,STOP_LIMIT,101.5,100"))
    assert (row.line, row.session_date, row.at) == (2, FRIDAY, None)
    assert (row.instrument, row.kind, row.side) == (QQQ, SignalKind.ENTER, Side.BUY)
    assert (row.quantity, row.strength) == (Decimal(10), Decimal("0.85"))
    assert (row.order_type, row.limit, row.stop) == (
        OrderType.STOP_LIMIT, Decimal("101.5"), Decimal(100),
    )  # fmt: skip


def test_columns_come_in_any_order_and_only_three_must_be_there() -> None:
    (row,) = parse("\ufeffkind, instrument ,time\r\nEXIT, STK:TLT:USD ,2026-11-20T20:45:00Z\r\n")
    assert (row.kind, row.instrument) == (SignalKind.EXIT, TLT)
    assert row.at == datetime(2026, 11, 20, 20, 45, tzinfo=UTC)
    assert (row.side, row.quantity, row.order_type) == (None, None, OrderType.MARKET)


def test_nonsense_quantities_pass_through_to_be_refused_on_the_path() -> None:
    rows = parse(
        text_of(*(f"2026-11-20,QQQ,ENTER,BUY,{q},,NaN,,," for q in ("0", "-5", "1e18", "NaN")))
    )
    assert [row.quantity for row in rows[:3]] == [Decimal(0), Decimal(-5), Decimal("1e18")]
    assert all(row.strength is not None and row.strength.is_nan() for row in rows)
    wishes = raised(script("2026-11-20,QQQ,TARGET,,,NaN,,,,"), FRIDAY)
    assert wishes[0].target_weight is not None
    assert wishes[0].target_weight.is_nan()
    assert wishes[0].pass_no == 2


def test_every_finding_names_line_column_value_and_what_is_allowed() -> None:
    found = findings(
        "yesterday,QQQ,ENTER,BUY,10,,,,,",
        "2026-11-20T14:30:00,QQQ,ENTER,BUY,10,,,,,",
        "",
        "2026-11-20,,HOLD,LONG,ten,,,MARKT,,",
        "2026-11-20,QQQ,ENTER",
    )
    assert found == (
        'rehearsal.csv:2: time = "yesterday": allowed is a session date like 2026-11-20'
        " or an instant like 2026-11-20T14:30:00Z",
        'rehearsal.csv:3: time = "2026-11-20T14:30:00": allowed is a session date like 2026-11-20'
        " or an instant like 2026-11-20T14:30:00Z",
        'rehearsal.csv:5: kind = "HOLD": allowed is one of TARGET, ENTER, EXIT, EMERGENCY_EXIT,'
        " SETUP, SETUP_CANCELED",
        'rehearsal.csv:5: instrument = "": allowed is a symbol like QQQ or an id like STK:QQQ:USD',
        'rehearsal.csv:5: type = "MARKT": allowed is one of MARKET, LIMIT, STOP, STOP_LIMIT,'
        " TRAIL, MARKET_ON_OPEN, MARKET_ON_CLOSE, LIMIT_ON_OPEN, LIMIT_ON_CLOSE",
        'rehearsal.csv:5: side = "LONG": allowed is one of BUY, SELL',
        'rehearsal.csv:5: quantity = "ten": allowed is a number, or nothing',
        "rehearsal.csv:6: 3 values; the header has 10 columns",
    )


def test_a_wrong_header_is_told_first() -> None:
    assert findings(header="time,instrument,time,colour") == (
        'rehearsal.csv:1: column "kind" is missing',
        'rehearsal.csv:1: column "time" is there 2 times',
        'rehearsal.csv:1: unknown column "colour"; allowed are time, instrument, kind, side,'
        " quantity, weight, strength, type, limit, stop, leg",
    )
    with pytest.raises(SettingsError, match='"time" is missing'):
        parse("")


def test_a_row_is_raised_at_its_sessions_slot_and_only_there() -> None:
    strategy = script("2026-11-20,QQQ,ENTER,BUY,10,,,,,", "2026-11-23,QQQ,EXIT,,,,,,,")
    thursday = FRIDAY - timedelta(days=1)
    assert raised(strategy, thursday) == ()
    (entry,) = raised(strategy, FRIDAY, [thursday])
    assert (entry.kind, entry.quantity, entry.reason) == (SignalKind.ENTER, Decimal(10), "line 2")
    (leave,) = raised(strategy, MONDAY, [thursday, FRIDAY])
    assert (leave.kind, leave.pass_no) == (SignalKind.EXIT, 1)
    assert raised(strategy, MONDAY + timedelta(days=1), [FRIDAY, MONDAY]) == ()


def test_under_the_close_rule_the_sessions_bar_comes_before_its_slot() -> None:
    strategy = script("2026-11-20,QQQ,ENTER,BUY,10,,,,,")
    thursday = FRIDAY - timedelta(days=1)
    assert len(raised(strategy, FRIDAY, [thursday, FRIDAY])) == 1
    assert len(raised(strategy, FRIDAY, [FRIDAY])) == 1
    assert raised(strategy, MONDAY, [thursday, FRIDAY, MONDAY]) == ()


def test_a_weekends_row_belongs_to_monday_and_is_fresh() -> None:
    strategy = script("2026-11-21,QQQ,ENTER,BUY,10,,,,,")
    (wish,) = raised(strategy, MONDAY, [FRIDAY])
    assert wish.formed_at is None


def test_rows_from_before_the_first_session_keep_their_age() -> None:
    strategy = script("2026-11-02,QQQ,ENTER,BUY,10,,,,,", "2026-11-20,QQQ,ENTER,BUY,10,,,,,")
    old, fresh = raised(strategy, FRIDAY)
    assert old.formed_at == datetime(2026, 11, 2, tzinfo=UTC)
    assert fresh.formed_at is None
    assert (old.leg, fresh.leg) == (0, 1)


def test_an_instant_keeps_its_time_and_goes_to_the_next_slot() -> None:
    line = "2026-11-20T21:30:00Z,QQQ,ENTER,BUY,10,,,,,"
    strategy = ScriptStrategy(
        resolved_of("rehearsal.csv"), text_of(line), session_for=lambda at: MONDAY
    )
    assert raised(strategy, FRIDAY) == ()
    (wish,) = raised(strategy, MONDAY, [FRIDAY])
    assert wish.formed_at == datetime(2026, 11, 20, 21, 30, tzinfo=UTC)


def test_a_leg_can_be_given_so_that_two_rows_are_one_signal() -> None:
    strategy = script(
        "2026-11-20,QQQ,ENTER,BUY,10,7", "2026-11-20,QQQ,ENTER,BUY,10,7",
        header="time,instrument,kind,side,quantity,leg",
    )  # fmt: skip
    assert [wish.leg for wish in raised(strategy, FRIDAY)] == [7, 7]
    assert findings("2026-11-20,QQQ,EXIT,x", header="time,instrument,kind,leg") == (
        'rehearsal.csv:2: leg = "x": allowed is 0, 1, 2 …, or nothing',
    )


@pytest.mark.parametrize(
    ("line", "pass_no", "result"),
    [
        ("TARGET,,,0,,,,", 1, "rebalance"),
        ("TARGET,,,0.1,,,,", 1, "rebalance"),
        ("TARGET,,,0.9,,,,", 2, "rebalance"),
        ("TARGET,,,,,,,", 2, "rebalance"),
        ("ENTER,SELL,5,,,,,", 1, "enter"),
        ("ENTER,BUY,5,,,,,", 2, "enter"),
        ("EMERGENCY_EXIT,,,,,,,", 1, "exit"),
    ],
)
def test_what_lowers_a_position_goes_first(line: str, pass_no: int, result: str) -> None:
    strategy = script(f"2026-11-20,QQQ,{line}")
    facts = Facts(
        session_date=FRIDAY,
        prices={QQQ: Decimal(50)},
        positions={QQQ: Decimal(100)},
        cash=Decimal(5000),
    )
    verdict = strategy.decide(ScriptMemory(), facts)
    assert verdict is not None
    assert (verdict.wishes[0].pass_no, verdict.result) == (pass_no, result)
    assert verdict.text == "rehearsal.csv, line 2"
    without_price = strategy.decide(ScriptMemory(), Facts(session_date=FRIDAY))
    assert without_price is not None
    if line.startswith("TARGET"):
        assert without_price.wishes[0].pass_no == (1 if ",0," in line else 2)


def test_a_script_is_described_by_its_rows() -> None:
    strategy = script("2026-11-20,QQQ,ENTER,BUY,10,,,,,", "2026-11-20,NOPE,ENTER,BUY,1,,,,,")
    assert strategy.legs == (QQQ, "STK:NOPE:USD")
    assert (strategy.inputs, strategy.slot, strategy.limits) == ((), Slot.OPEN, {})
    memory = strategy.memory()
    strategy.advance(memory, FRIDAY, 0, {})
    strategy.advance(memory, FRIDAY, 0, {})
    assert strategy.warming(memory) == (1, 0)
    assert registry.create(resolved_of("rehearsal.csv"), script=HEADER).reading(memory) is None
    assert strategy.days_in_cell(memory) == 0
    other = script("2026-11-20,QQQ,ENTER,BUY,11,,,,,")
    assert other.parameter_hash != strategy.parameter_hash
    assert len(other.parameter_hash) == 16
