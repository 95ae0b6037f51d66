"""The risk gate: every reason fires, exits pass as the table says, unknown denies entries."""

import csv
import timeit
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.domain.ids import InstrumentId
from engine.domain.instrument import stock_id
from engine.domain.order import Order, OrderType
from engine.domain.risk import Check, CheckResult
from engine.domain.session import SessionState, TradingState
from engine.risk import gate
from engine.risk.facts import GateFacts
from engine.risk.limits import Limits, merge
from engine.risk.reasons import REASONS, DenyReason, Exits, runbook, sentence
from tests.engine.floor import BUY, QQQ, SELL, TLT, order

D = Decimal
R = DenyReason
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

GOOD = GateFacts(
    mode_agrees=True,
    mode="offline on SIM",
    trading_state=TradingState.ACTIVE,
    session_state=SessionState.RUNNING,
    link_live=True,
    reconciled=True,
    broker_quantity=D(100),
    qualified=True,
    listed=True,
    tick=D("0.01"),
    leverage=D(1),
    hours_open=True,
    quote_age_s=1.0,
    bid=D("99.98"),
    ask=D("100.02"),
    last_close=D(99),
    mean_volume=D(1_000_000),
    signal_ordered=False,
    owned=D(100),
    equity=D(100_000),
    cash=D(90_000),
    values={QQQ.id: D(10_000)},
    entries_today=0,
    status="ACTIVE",
    loss_day=D("0.01"),
    drawdown=D("0.02"),
    book_equity=D(100_000),
    book_values={QQQ.id: D(10_000)},
    orders_minute=0,
    orders_working=0,
    orders_today=0,
    notional_today=D(0),
)


def entry(quantity: int | str = 100, **more: Any) -> Order:
    """A buy of QQQ at 100."""
    return order("e", BUY, quantity, reference_price=D(100), **more)


def leave(quantity: int | str = 100, **more: Any) -> Order:
    """An exit of QQQ at 100."""
    return order("x", SELL, quantity, reference_price=D(100), is_exit=True, **more)


BAD: Mapping[DenyReason, dict[str, Any]] = {
    R.MODE: {"mode_agrees": False},
    R.TRADING_STATE: {"trading_state": TradingState.HALTED},
    R.SESSION_STATE: {"session_state": SessionState.STARTING},
    R.LINK: {"link_live": False},
    R.UNRECONCILED: {"reconciled": False, "broker_quantity": D(60)},
    R.INSTRUMENT: {"qualified": False},
    R.VALUES: {"lot": D(3)},
    R.DUPLICATE: {"signal_ordered": True},
    R.OVERSELL: {"working_sells": D(1)},
    R.SELF_CROSS: {"opposite_working": D(5)},
    R.HOURS: {"hours_open": False},
    R.QUOTE_AGE: {"quote_age_s": 30.5},
    R.QUOTE_SANE: {"bid": D("100.03")},
    R.SLIPPAGE: {"ask": D("101.01"), "bid": D("98.99"), "_limits": {"quote_spread": "0.5"}},
    R.ORDER_SIZE: {"equity": D(33_000), "_limits": {"symbol_exposure": "1"}},
    R.SYMBOL_EXPOSURE: {"values": {QQQ.id: D(20_001)}},
    R.STRATEGY_BUDGET: {"values": {QQQ.id: D(10_000), TLT.id: D(82_001)}},
    R.GROSS_EXPOSURE: {"book_values": {QQQ.id: D(10_000), TLT.id: D(-82_001)}},
    R.LEVERAGED_EXPOSURE: {
        "book_values": {QQQ.id: D(10_000), TLT.id: D(80_000)},
        "leverages": {TLT.id: D(3)},
    },
    R.OPEN_POSITIONS: {
        "values": {stock_id(f"S{n}"): D(1) for n in range(20)},
    },
    R.CASH: {"cash": D(10_500), "reserved_cash": D(501)},
    R.MARGIN_USE: {"has_margin": True, "margin_after": D("0.81")},
    R.LIQUIDITY: {"mean_volume": D(1_999)},
    R.RATE_CAP: {"orders_minute": 20},
    R.DAY_CAP: {"notional_today": D(390_001)},
    R.TRADES_DAY: {"entries_today": 10},
    R.LOSS_LATCH: {"latches": ("loss_day",)},
    R.DRAWDOWN_LATCH: {"latches": ("drawdown",)},
    R.QUALITY_LATCH: {"latches": ("quality",)},
    R.STRATEGY_STATE: {"status": "WARMING 3/221"},
}


def having(fact: str, value: Any) -> GateFacts:
    """Good facts but for one."""
    changes: dict[str, Any] = {fact: value}
    return replace(GOOD, **changes)


def bad(reason: DenyReason) -> tuple[GateFacts, Limits]:
    """Facts of which one is wrong, and the limits that single it out."""
    changes = dict(BAD[reason])
    limits = merge(Limits(), {}, changes.pop("_limits", {}))
    return replace(GOOD, **changes), limits


def results(asked: Order, facts: GateFacts, limits: Limits | None = None) -> dict[str, CheckResult]:
    """Results by code."""
    return {c.code: c.result for c in gate.check(asked, facts, limits or Limits())}


def why(asked: Order, facts: GateFacts, limits: Limits | None = None) -> DenyReason | None:
    """The reason for a denial."""
    return gate.verdict(gate.check(asked, facts, limits or Limits()), asked.is_exit)


def test_all_checks_run_in_the_order_of_the_table() -> None:
    checks = gate.check(entry(), GOOD, Limits())
    assert [c.code for c in checks] == [reason.value for reason in DenyReason]
    assert len(checks) == 30
    assert gate.verdict(checks, is_exit=False) is None


@pytest.mark.parametrize("reason", [r for r in DenyReason if r is not R.OVERSELL])
def test_every_reason_denies_an_entry(reason: DenyReason) -> None:
    facts, limits = bad(reason)
    assert why(entry(), facts, limits) is reason


def test_selling_what_is_not_owned_is_denied() -> None:
    short = order("s", SELL, 1, reference_price=D(100))
    assert why(short, replace(GOOD, owned=D(0))) is R.OVERSELL
    assert why(leave(100), bad(R.OVERSELL)[0]) is R.OVERSELL


@pytest.mark.parametrize("reason", list(DenyReason))
def test_exits_are_treated_as_the_table_says(reason: DenyReason) -> None:
    facts, limits = bad(reason)
    checks = gate.check(leave(), facts, limits)
    result = next(c.result for c in checks if c.code == reason.value)
    denied, waits = gate.verdict(checks, is_exit=True), gate.waits_for(checks, is_exit=True)
    match REASONS[reason].exits:
        case Exits.DENIED:
            assert (denied, result) == (reason, CheckResult.FAIL)
        case Exits.WAITS:
            assert (denied, waits) == (None, reason)
        case Exits.WARNED:
            assert (denied, waits, result) == (None, None, CheckResult.WARN)
        case Exits.FREE:
            assert (denied, waits, result) == (None, None, CheckResult.NOT_APPLICABLE)


def test_exits_go_while_reducing_paused_or_stopping() -> None:
    for state in (SessionState.PAUSED, SessionState.STOPPING):
        assert why(leave(), replace(GOOD, session_state=state)) is None
        assert why(entry(), replace(GOOD, session_state=state)) is R.SESSION_STATE
    reducing = replace(GOOD, trading_state=TradingState.REDUCING)
    assert why(leave(), reducing) is None
    assert why(entry(), reducing) is R.TRADING_STATE


def test_unreconciled_exit_goes_up_to_what_both_sides_hold() -> None:
    facts = bad(R.UNRECONCILED)[0]
    assert why(leave(60), facts) is None
    assert why(leave(61), facts) is R.UNRECONCILED
    assert why(leave(100), replace(facts, broker_quantity=None)) is None


def test_exit_of_an_instrument_that_left_the_list_goes() -> None:
    facts = replace(GOOD, listed=False)
    assert why(leave(), facts) is None
    assert why(entry(), facts) is R.INSTRUMENT


UNKNOWN_FACTS = {
    "mode_agrees": R.MODE,
    "link_live": R.LINK,
    "reconciled": R.UNRECONCILED,
    "qualified": R.INSTRUMENT,
    "hours_open": R.HOURS,
    "quote_age_s": R.QUOTE_AGE,
    "bid": R.QUOTE_SANE,
    "signal_ordered": R.DUPLICATE,
    "equity": R.ORDER_SIZE,
    "cash": R.CASH,
    "book_equity": R.STRATEGY_BUDGET,
    "orders_minute": R.RATE_CAP,
    "orders_today": R.DAY_CAP,
    "entries_today": R.TRADES_DAY,
    "status": R.STRATEGY_STATE,
}


@pytest.mark.parametrize("fact", UNKNOWN_FACTS)
def test_what_is_not_known_denies_entries_and_lets_exits_go(fact: str) -> None:
    facts = having(fact, None)
    assert why(entry(), facts) is UNKNOWN_FACTS[fact]
    assert why(leave(), facts) is None


NAN = D("NaN")


@pytest.mark.parametrize("fact", ["ask", "equity", "cash", "book_equity", "mean_volume"])
def test_not_a_number_denies_entries_and_lets_exits_go(fact: str) -> None:
    facts = having(fact, NAN)
    assert why(entry(), facts) is not None
    assert why(leave(), facts) is None
    assert not gate.raised(gate.check(entry(), facts, Limits()))


def test_everything_unknown_still_lets_an_exit_go() -> None:
    nothing = GateFacts(trading_state=TradingState.ACTIVE, session_state=SessionState.RUNNING)
    assert why(leave(), nothing) is None
    assert why(entry(), nothing) is R.MODE


def test_check_that_raises_denies_entries_and_is_named() -> None:
    facts = replace(GOOD, values={QQQ.id: "rubbish"})  # type: ignore[dict-item]
    checks = gate.check(entry(), facts, Limits())
    assert gate.verdict(checks, is_exit=False) is R.SYMBOL_EXPOSURE
    assert [c.code for c in gate.raised(checks)] == ["symbol_exposure", "strategy_budget"]
    assert why(leave(), facts) is None


def test_caps_in_dollars_deny_entries_beyond_them_and_no_exit() -> None:
    capped = replace(GOOD, order_usd=D(10_000), day_usd=D(20_000), notional_today=D(10_000))
    assert why(entry(100), capped) is None
    checks = gate.check(entry(101), capped, Limits())
    assert gate.verdict(checks, is_exit=False) is R.ORDER_SIZE
    size = next(c for c in checks if c.code == "order_size")
    assert (size.value, size.limit) == ("10,100.00 USD", "10,000.00 USD, live.max_order_usd")
    late = replace(capped, notional_today=D("10000.01"))
    (day,) = [c for c in gate.check(entry(100), late, Limits()) if c.code == "day_cap"]
    assert (day.result, day.limit) == (CheckResult.FAIL, "20,000.00 USD, live.max_day_usd")
    assert why(leave(100), replace(capped, order_usd=D(1), day_usd=D(1))) is None


def test_held_instrument_without_a_price_denies_entries() -> None:
    facts = replace(GOOD, book_values={QQQ.id: D(10_000), TLT.id: None})
    assert why(entry(), facts) is R.GROSS_EXPOSURE


def test_size_is_exact_at_the_limit_and_said_in_words() -> None:
    assert why(entry(200), replace(GOOD, equity=D(100_000))) is None
    checks = gate.check(entry(300), replace(GOOD, values={}), Limits())
    size = next(c for c in checks if c.code == "order_size")
    assert (size.result, size.value, size.limit) == (
        CheckResult.PASS,
        "0.30",
        "0.30 of equity",
    )
    checks = gate.check(entry(301), replace(GOOD, values={}), Limits())
    size = next(c for c in checks if c.code == "order_size")
    assert (size.result, size.value) == (CheckResult.FAIL, "0.3010")
    assert gate.verdict(checks, is_exit=False) is R.ORDER_SIZE


def test_limits_warn_at_four_fifths() -> None:
    near = replace(
        GOOD,
        orders_minute=15,
        notional_today=D(310_000),
        loss_day=D("0.04"),
        drawdown=D("0.12"),
        has_margin=True,
        margin_after=D("0.64"),
        ask=D("100.40"),
    )
    found = results(entry(), near)
    for code in ("rate_cap", "day_cap", "loss_latch", "drawdown_latch", "margin_use", "slippage"):
        assert found[code] is CheckResult.WARN, code
    assert why(entry(), near) is None


def test_loss_that_is_not_a_number_is_a_breach() -> None:
    assert why(entry(), replace(GOOD, loss_day=NAN)) is R.LOSS_LATCH


def test_severe_loss_latch_denies_too() -> None:
    assert why(entry(), replace(GOOD, latches={"loss_severe"})) is R.LOSS_LATCH


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"bid": D(0), "ask": D(1)}, "bid 0, ask 1"),
        ({"bid": D(99), "ask": D(101)}, "spread 2.00%"),
        ({"bid": D(126), "ask": D(126), "last_close": D(100)}, "move 26.00%"),
    ],
)
def test_insane_quotes_are_named(changes: dict[str, Any], said: str) -> None:
    checks = gate.check(entry(), replace(GOOD, **changes), Limits())
    sane = next(c for c in checks if c.code == "quote_sane")
    assert (sane.result, sane.value) == (CheckResult.FAIL, said)


def test_leveraged_fund_may_move_further_but_not_without_end() -> None:
    moved = replace(GOOD, bid=D(170), ask=D(170), last_close=D(100))
    assert results(entry(), moved)["quote_sane"] is CheckResult.FAIL
    assert results(entry(), replace(moved, leverage=D(3)))["quote_sane"] is CheckResult.PASS
    far = replace(moved, bid=D(176), ask=D(176), leverage=D(10))
    assert results(entry(), far)["quote_sane"] is CheckResult.FAIL


def test_first_session_of_a_listing_has_no_close_to_compare_with() -> None:
    assert results(entry(), replace(GOOD, last_close=None))["quote_sane"] is CheckResult.PASS


def test_unknown_volume_only_warns() -> None:
    facts = replace(GOOD, mean_volume=None)
    assert results(entry(), facts)["liquidity"] is CheckResult.WARN
    assert why(entry(), facts) is None


def test_limit_order_cannot_slip_past_its_limit() -> None:
    limited = order("l", BUY, 100, OrderType.LIMIT, limit="100.10", reference_price=D(100))
    facts = replace(GOOD, ask=D("101.50"), bid=D("101.40"))
    assert why(entry(), facts) is R.SLIPPAGE
    assert why(limited, facts) is None


@pytest.mark.parametrize(
    "wrong",
    [
        entry(0),
        entry(-5),
        entry("NaN"),
        entry("1.5"),
        order("v", BUY, 1, OrderType.LIMIT, limit="10.001", reference_price=D(100)),
        order("v", BUY, 1, OrderType.STOP, stop="-1", reference_price=D(100)),
        order("v", BUY, 1, reference_price=D("Infinity")),
        order("v", BUY, 1, reference_price=D(0)),
    ],
)
def test_values_that_cannot_be_traded_are_denied_for_everybody(wrong: Order) -> None:
    assert why(wrong, GOOD) is R.VALUES
    out = replace(wrong, side=SELL, is_exit=True)
    assert why(out, GOOD) is R.VALUES


def test_entry_without_a_reference_price_is_denied() -> None:
    assert why(order("n", BUY, 1), GOOD) is R.VALUES


def test_limits_that_are_off_deny_nothing() -> None:
    keys = (
        *("order_size", "symbol_exposure", "strategy_budget", "gross_exposure"),
        *("leveraged_exposure", "open_positions", "liquidity", "trades_day"),
    )
    off = merge(Limits(), dict.fromkeys(keys, "off"), {})
    facts = replace(GOOD, equity=D(1), book_equity=D(10_000), entries_today=10**6)
    found = results(entry(), facts, off)
    assert {found[key] for key in keys} == {CheckResult.NOT_APPLICABLE}


def test_every_reason_has_a_sentence_and_a_way_out() -> None:
    for reason in DenyReason:
        assert sentence(reason.value).endswith(".")
        assert len(runbook(reason.value)) > 20


def test_without_equity_nothing_is_bought() -> None:
    found = results(entry(), replace(GOOD, equity=D(0), book_equity=D(-5)))
    for code in ("order_size", "symbol_exposure", "gross_exposure", "day_cap"):
        assert found[code] is CheckResult.FAIL, code


def test_margin_that_cannot_be_read_denies_entries() -> None:
    assert why(entry(), replace(GOOD, has_margin=True)) is R.MARGIN_USE


@pytest.mark.parametrize(
    ("at_broker", "words"),
    [(True, "not asked: no order waits for a what-if"), (False, "no margin account")],
)
def test_margin_that_nobody_asked_for_is_not_said_to_be_none(at_broker: bool, words: str) -> None:
    checks = gate.check(entry(), replace(GOOD, at_broker=at_broker), Limits())
    margin = next(c for c in checks if c.code == "margin_use")
    assert (margin.result, margin.value) == (CheckResult.NOT_APPLICABLE, words)


def test_entries_never_wait() -> None:
    closed = gate.check(entry(), replace(GOOD, hours_open=False), Limits())
    assert gate.waits_for(closed, is_exit=False) is None


@pytest.mark.bench
def test_the_gate_costs_little_more_than_making_its_thirty_answers() -> None:
    asked, limits = entry(), Limits()
    made = gate.check(asked, GOOD, limits)

    def answers() -> list[Check]:
        return [Check(c.code, c.result, c.value, c.limit) for c in made]

    best = min(timeit.repeat(lambda: gate.check(asked, GOOD, limits), number=500, repeat=9)) / 500
    least = min(timeit.repeat(answers, number=500, repeat=9)) / 500
    print(f"gate: {best * 1e6:.1f} µs, {best / least:.2f} times its answers (target 40 µs, 3)")
    assert best < 3 * least


# -- the golden regime run -----------------------------------------------------------------


def _rows(name: str) -> list[dict[str, str]]:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _mean(numbers: list[Decimal]) -> Decimal | None:
    return sum(numbers, D(0)) / len(numbers) if numbers else None


LEVERAGE = {"TQQQ": D(3), "TMF": D(3), "TMV": D(3)}


def test_every_fill_of_the_golden_regime_run_passes_the_gate() -> None:
    registered = {"order_size": "1", "symbol_exposure": "1"}
    limits = merge(Limits(), registered, {})
    market = {
        name: {row["date"]: row for row in _rows(f"market/{name}.csv")}
        for name in ("QQQ", "TQQQ", "PSQ", "TMF", "TMV")
    }
    cash, shares, today, day = D(10_000), dict[InstrumentId, Decimal](), 0, ""
    for fill in _rows("portfolio_2010_2018_fills.csv"):
        today, day = (0 if fill["session_date"] != day else today), fill["session_date"]
        name, quantity = fill["symbol"], D(fill["quantity"])
        opens = {key: D(bars[day]["open"]) for key, bars in market.items() if day in bars}
        values = {i: q * opens[i.split(":")[1]] for i, q in shares.items() if q}
        equity = cash + sum(values.values())
        side = BUY if fill["side"] == "BUY" else SELL
        owned = shares.get(stock_id(name), D(0))
        asked = order(
            "g",
            side,
            int(quantity),
            instrument=stock_id(name),
            reference_price=opens[name],
            is_exit=side is SELL,
        )
        earlier = [bar for date, bar in market[name].items() if date < day][-20:]
        facts = replace(
            GOOD,
            tick=None,
            leverage=LEVERAGE.get(name, D(1)),
            bid=opens[name],
            ask=opens[name],
            last_close=D(earlier[-1]["close"]) if earlier else None,
            mean_volume=_mean([D(bar["volume"]) for bar in earlier]),
            owned=owned,
            equity=equity,
            cash=cash,
            buy_cost=quantity * D(fill["price"]),
            values=values,
            entries_today=today,
            book_equity=equity,
            book_values=values,
            leverages={stock_id(key): value for key, value in LEVERAGE.items()},
        )
        checks = gate.check(asked, facts, limits)
        assert gate.verdict(checks, asked.is_exit) is None, fill
        cash -= side.sign * quantity * D(fill["price"])
        shares[stock_id(name)] = owned + side.sign * quantity
        today += side is BUY
        assert cash == D(fill["cash_after"])
