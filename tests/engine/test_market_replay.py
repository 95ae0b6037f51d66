"""Recorded bars as inputs: their order, their cursor, and the same market by the wall clock."""

import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import islice, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.input import BarsClosed, Input, JobDue, QuotesSeen, SlotDue
from engine.domain.instrument import stock_id
from engine.domain.market import Feed
from engine.domain.session import FillRule, Slot
from engine.errors import MarketDataError
from engine.market.files import load_folder
from engine.market.history import session_dates
from engine.market.replay import RecordedFeed, WallFeed
from engine.market.synthetic import synthetic_market
from engine.ports import MarketHistory
from engine.schedule.calendar import AlwaysCalendar
from engine.schedule.slots import JOBS, slot_at
from tests.engine.bars import NOW, row, write, xnys

QQQ = stock_id("QQQ")
FIRST, LAST = date(2026, 2, 2), date(2026, 3, 31)
ALL_JOBS = tuple(JOBS.items())


@cache
def market() -> MarketHistory:
    """Half a year of the built-in market."""
    return synthetic_market(xnys(), 7, date(2025, 11, 3), date(2026, 4, 30))


def feed(rule: FillRule = FillRule.NEXT_OPEN, **more: object) -> RecordedFeed:
    """The built-in market from FIRST to LAST."""
    return RecordedFeed(market(), xnys(), FIRST, LAST, fill_rule=rule, **more)  # type: ignore[arg-type]


def shape(inputs: list[Input]) -> list[str]:
    """The inputs as words: what, and at which instant of the day (UTC)."""
    return [f"{type(one).__name__} {one.at:%H:%M}" for one in inputs]


def test_next_open_decides_at_the_open_and_sees_the_bars_at_the_close() -> None:
    one = feed(jobs=ALL_JOBS)
    assert shape(list(islice(one, 7))) == [
        "QuotesSeen 14:30",
        "SlotDue 14:30",
        "BarsClosed 21:00",
        "JobDue 21:05",
        "JobDue 21:15",
        "JobDue 22:00",
        "JobDue 22:15",
    ]


def test_next_close_decides_before_the_bars_and_same_close_after_them() -> None:
    assert shape(list(islice(feed(FillRule.NEXT_CLOSE), 4))) == [
        "QuotesSeen 14:30",
        "QuotesSeen 21:00",
        "SlotDue 21:00",
        "BarsClosed 21:00",
    ]
    assert shape(list(islice(feed(FillRule.SAME_CLOSE), 4))) == [
        "QuotesSeen 14:30",
        "QuotesSeen 21:00",
        "BarsClosed 21:00",
        "SlotDue 21:00",
    ]


def test_quotes_are_the_prices_of_the_auction_and_say_what_they_are() -> None:
    seen, at_close = (
        one for one in islice(feed(FillRule.SAME_CLOSE), 2) if isinstance(one, QuotesSeen)
    )
    bar = next(bar for bar in market().series[QQQ].bars if bar.session_date == FIRST)
    assert seen.auction
    assert seen.quotes[QQQ].bid == seen.quotes[QQQ].ask == bar.open
    assert at_close.quotes[QQQ].mid == bar.close
    assert seen.quotes[QQQ].feed is Feed.SYNTHETIC
    assert len(seen.quotes) == 6


def test_slot_says_when_its_session_closes_and_its_number() -> None:
    slots = [one for one in feed(slots=(Slot.AFTER_OPEN_15,)) if isinstance(one, SlotDue)]
    assert slots[0].slot is Slot.AFTER_OPEN_15
    assert slots[0].closes_at == xnys().closes_at(FIRST)
    assert [b.ordinal - a.ordinal for a, b in pairwise(slots)] == [1] * (len(slots) - 1)
    assert slots[0].ordinal == xnys().ordinal(FIRST)


@pytest.mark.parametrize("rule", list(FillRule))
def test_instants_never_go_back_and_are_counted(rule: FillRule) -> None:
    one = feed(rule, jobs=ALL_JOBS)
    inputs = list(one)
    assert all(a.at <= b.at for a, b in pairwise(inputs))
    assert len(inputs) == len(one)
    assert len({given.at for given in inputs}) == one.instants
    assert {given.session_date for given in inputs if isinstance(given, BarsClosed)} == set(
        xnys().sessions(FIRST, LAST)
    )


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(FillRule), st.integers(0, 160))
def test_stopped_anywhere_the_rest_is_the_same(rule: FillRule, cursor: int) -> None:
    whole = list(feed(rule, jobs=ALL_JOBS[:1]))
    cursor = min(cursor, len(whole))
    again = feed(rule, jobs=ALL_JOBS[:1])
    again.seek(cursor)
    assert list(again.refeed(cursor)) == whole[:cursor]
    assert again.cursor == cursor
    assert list(again) == whole[cursor:]


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(FillRule), st.integers(0, 40), st.booleans())
def test_session_dates_left_out_leave_the_others_as_they_are(
    rule: FillRule, session: int, close_out: bool
) -> None:
    one = feed(rule, jobs=ALL_JOBS[:1], close_out=close_out)
    whole = list(one)
    session = min(session, len(one.sessions) - 1)
    one.seek(session * one.each)
    inputs = iter(one)
    stretch = inputs.stretch(one.cursor)
    if stretch is None:
        assert session == len(one.sessions) - 1
        assert list(inputs) == whole[one.cursor :]
        return
    assert [c.session_date for c in stretch.closed] == list(one.sessions[session:-1])
    assert list(stretch.closes(QQQ)) == [closed.bars[QQQ].close for closed in stretch.closed]
    left_out = len(stretch.closed) // 2
    position = one.cursor + inputs.skip(left_out)
    assert next(inputs) == whole[position]
    assert inputs.stretch(position + 1) is None  # in the middle of a session date
    assert list(inputs) == whole[position + 1 :]


def test_a_stretch_ends_before_anything_odd(tmp_path: Path) -> None:
    days = xnys().sessions(FIRST, LAST)
    write(tmp_path, "QQQ", [row(day, 100) for day in days if day != days[5]])
    write(tmp_path, "TLT", [row(day, 100) for day in days[9:]])
    one = RecordedFeed(load_folder(tmp_path, xnys(), NOW), xnys(), FIRST, LAST)
    spans = []
    for first in (0, 5, 6):
        found = one.stretch(first)
        spans.append(None if found is None else len(found.closed))
    assert spans == [5, None, len(days) - 1 - 6]


def test_cursor_of_other_data_is_refused() -> None:
    one = feed()
    with pytest.raises(MarketDataError, match=f"cursor 99999 is not in 0..{len(one)}"):
        one.seek(99_999)


def test_warmup_is_everything_before_the_range_and_joins_it_without_a_step() -> None:
    one = feed()
    warm = list(one.warmup())
    assert [given.session_date for given in warm] == xnys().sessions(
        date(2025, 11, 3), date(2026, 1, 30)
    )
    assert all(given.at == xnys().closes_at(given.session_date) for given in warm)
    assert [b.ordinal - a.ordinal for a, b in pairwise(warm)] == [1] * (len(warm) - 1)
    first = next(given for given in one if isinstance(given, BarsClosed))
    assert first.ordinal == warm[-1].ordinal + 1


def test_range_is_cut_to_the_data_and_refused_without_any() -> None:
    one = RecordedFeed(market(), xnys(), date(2020, 1, 2), date(2026, 12, 31))
    assert (one.sessions[0], one.sessions[-1]) == (date(2025, 11, 3), date(2026, 4, 30))
    assert list(one.warmup()) == []
    with pytest.raises(MarketDataError, match="there is 2025-11-03 to 2026-04-30"):
        RecordedFeed(market(), xnys(), date(2020, 1, 2), date(2020, 12, 31))


def test_half_day_shifts_the_close_and_its_jobs() -> None:
    one = RecordedFeed(market(), xnys(), date(2025, 11, 28), date(2025, 11, 28), jobs=ALL_JOBS)
    assert shape(list(one))[2:4] == ["BarsClosed 18:00", "JobDue 18:05"]


def test_session_that_nobody_has_is_still_a_session(tmp_path: Path) -> None:
    days = xnys().sessions(FIRST, LAST)
    write(tmp_path, "QQQ", [row(day, 100) for day in days if day != days[5]])
    one = RecordedFeed(load_folder(tmp_path, xnys(), NOW), xnys(), FIRST, LAST)
    bars = [given for given in one if isinstance(given, BarsClosed)]
    assert len(bars) == len(days)
    assert bars[5].bars == {}
    assert [finding.kind for finding in bars[5].findings] == ["gap"]


def test_bars_of_no_exchange_are_fed_by_their_own_dates(tmp_path: Path) -> None:
    days = [date(2026, 1, 3), date(2026, 1, 4), date(2026, 1, 10)]
    write(tmp_path, "AAA", [row(day, 10) for day in days])
    history = load_folder(tmp_path, None, NOW)
    calendar = AlwaysCalendar(session_dates(history))
    one = RecordedFeed(history, calendar, days[0], days[-1], jobs=ALL_JOBS)
    assert [g.session_date for g in one if isinstance(g, BarsClosed)] == days


@pytest.mark.bench
def test_fifty_thousand_sessions_are_fed_at_a_microsecond_an_input(tmp_path: Path) -> None:
    days = [date(1900, 1, 1) + timedelta(days=n) for n in range(50_000)]
    lines = [
        f"{day},{c},{c}.5,{c - 1},{c},1000" for n, day in enumerate(days) for c in [50 + n % 9]
    ]
    write(tmp_path, "AAA", lines)
    started = time.perf_counter()
    history = load_folder(tmp_path, None, datetime(2060, 1, 1, tzinfo=UTC))
    loaded = time.perf_counter() - started
    one = RecordedFeed(history, AlwaysCalendar(days), days[0], days[-1], jobs=ALL_JOBS[:1])
    started = time.perf_counter()
    count = sum(1 for _ in one)
    took = time.perf_counter() - started
    print(f"loaded in {loaded:.2f} s; {count} inputs, {took / count * 1e6:.2f} µs each")
    assert count == 200_000
    assert took < 2.0  # measured 0.18 s; the rest is for a busy machine


# -- the wall clock --------------------------------------------------------------------------


def wall(*slots: Slot) -> WallFeed:
    """The built-in market on the wall clock."""
    return WallFeed(market(), xnys(), slots, slot_at, ALL_JOBS[:1])


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """An instant of February 2026."""
    return datetime(2026, 2, day, hour, minute, tzinfo=UTC)


def test_plan_of_a_day_holds_open_slots_close_and_jobs() -> None:
    plan = wall(Slot.OPEN, Slot.BEFORE_CLOSE_15).plan(at(2, 12))
    steps = [(due, make(due)) for due, make in islice(plan, 5)]
    assert [(due, shape(given)) for due, given in steps] == [
        (at(2, 14, 30), ["QuotesSeen 14:30"]),
        (at(2, 14, 30), ["SlotDue 14:30"]),
        (at(2, 20, 45), ["QuotesSeen 20:45", "SlotDue 20:45"]),
        (at(2, 21), ["QuotesSeen 21:00", "BarsClosed 21:00"]),
        (at(2, 21, 5), ["JobDue 21:05"]),
    ]


def test_plan_goes_on_after_the_instant_and_ends_with_the_data() -> None:
    due, _ = next(wall(Slot.OPEN).plan(at(6, 21, 1)))  # a Friday
    assert due == at(6, 21, 5)
    due, _ = next(wall(Slot.OPEN).plan(at(6, 21, 5)))
    assert due == at(9, 14, 30)
    assert list(wall(Slot.OPEN).plan(datetime(2026, 5, 4, tzinfo=UTC))) == []


def test_late_input_carries_both_instants() -> None:
    plan = wall(Slot.OPEN).plan(at(2, 12))
    (given,) = next(islice(plan, 1, None))[1](at(2, 14, 31))
    assert isinstance(given, SlotDue)
    assert (given.due_at, given.at) == (at(2, 14, 30), at(2, 14, 31))
    job = next(islice(plan, 1, None))[1](at(2, 21, 9))[0]
    assert isinstance(job, JobDue)
    assert (job.due_at, job.at) == (at(2, 21, 5), at(2, 21, 9))


def test_prices_between_open_and_close_lie_between_them() -> None:
    feed = wall()
    bar = next(bar for bar in market().series[QQQ].bars if bar.session_date == date(2026, 2, 2))
    seen = feed.quotes(at(2, 18))
    assert seen is not None
    price = seen.quotes[QQQ].bid
    assert min(bar.open, bar.close) <= price <= max(bar.open, bar.close)
    assert price == price.quantize(Decimal("0.01"))
    assert not seen.auction
    assert feed.quotes(at(2, 12)) is None
    assert feed.quotes(at(1, 18)) is None  # a Sunday


def test_warmup_ends_with_the_last_session_that_has_closed() -> None:
    *_, last = wall().warmup(at(3, 20, 59))
    assert last.session_date == date(2026, 2, 2)
    *_, last = wall().warmup(at(3, 21, 1))
    assert last.session_date == date(2026, 2, 3)
