"""Reconciliation: every kind of difference, tolerance 0, a failed answer is never empty."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.checks import reconcile
from engine.checks.reconcile import Ours
from engine.domain.fill import Fill
from engine.domain.ids import ExecId, InstrumentId, OrderId
from engine.domain.order import OrderStatus, OrderType, WorkingOrder
from engine.domain.reconciliation import (
    COLUMNS,
    AnswerFailed,
    BrokerAccount,
    BrokerExecutions,
    BrokerOrder,
    Difference,
    DifferenceKind,
)
from engine.domain.session import Verdict
from tests.engine.floor import BUY, QQQ, TLT, closes, exchange, opens, order, quotes

D = Decimal
K = DifferenceKind


def compare(
    positions: Mapping[InstrumentId, Decimal],
    cash: Decimal,
    working: Iterable[WorkingOrder],
    answer: BrokerAccount | AnswerFailed,
) -> tuple[Verdict, int, tuple[Difference, ...]]:
    """Compare without costs and fills."""
    return reconcile.compare(Ours(positions=positions, cash=cash, working=working), answer)


def row(ref: str, status: OrderStatus, quantity: int = 10, filled: int = 0) -> WorkingOrder:
    """One of our live orders."""
    return WorkingOrder(order=order(ref, BUY, quantity), status=status, filled=D(filled), sent=True)


def there(ref: str, remaining: int) -> BrokerOrder:
    """An order as the broker knows it."""
    return BrokerOrder(order_ref=ref, instrument=QQQ.id, remaining=D(remaining))


def account(
    positions: dict[InstrumentId, Decimal] | None = None, cash: str = "10", *orders: BrokerOrder
) -> BrokerAccount:
    """A broker's answer."""
    return BrokerAccount(positions=positions or {}, cash=D(cash), orders=orders)


def test_equal_books_are_clean() -> None:
    ours = {QQQ.id: D(5), TLT.id: D(0)}
    working = [row("a", OrderStatus.ACCEPTED)]
    answer = account({QQQ.id: D(5)}, "10.0", there("a", 10))
    assert compare(ours, D(10), working, answer) == (Verdict.CLEAN, 3, ())


def test_failed_answer_is_unknown_and_nothing_is_missing() -> None:
    failed = AnswerFailed(query="positions", reason="timed out")
    verdict, matched, found = compare({QQQ.id: D(5)}, D(10), [], failed)
    assert (verdict, matched, found) == (Verdict.UNKNOWN, 0, ())


def test_every_kind_of_difference_is_named() -> None:
    gold, oil = InstrumentId("STK:GLD:USD"), InstrumentId("STK:USO:USD")
    verdict, matched, found = compare(
        {QQQ.id: D(100), TLT.id: D(7), gold: D(3)},
        D("10.000001"),
        [
            row("lost", OrderStatus.PARTIALLY_FILLED, filled=4),
            row("unknown", OrderStatus.UNKNOWN),
            row("behind", OrderStatus.ACCEPTED),
            row("ahead", OrderStatus.PARTIALLY_FILLED, filled=5),
            row("same", OrderStatus.PENDING_CANCEL),
            row("on its way", OrderStatus.SUBMITTED),
        ],
        account(
            {QQQ.id: D(60), gold: D(3), oil: D(-2)},
            "10",
            *(there("behind", 4), there("ahead", 6), there("same", 10), there("foreign", 1)),
        ),
    )
    assert verdict is Verdict.DIFFERENCES
    assert matched == 2
    assert [(d.kind, d.item, d.ours, d.theirs) for d in found] == [
        (K.MISMATCHED, QQQ.id, "100", "60"),
        (K.MISSING_BROKER, TLT.id, "7", "0"),
        (K.MISSING_LOCAL, oil, "0", "-2"),
        (K.CASH, "cash", "10.000001", "10"),
        (K.ORDER_LOST, "lost", "6", ""),
        (K.ORDER_UNKNOWN, "unknown", "10", ""),
        (K.MISSING_FILL, "behind", "10", "4"),
        (K.ORDER_DIFFERS, "ahead", "5", "6"),
        (K.ORDER_FOREIGN, "foreign", "", "1"),
    ]
    assert found[3].effect == D("-0.000001")


def test_order_that_was_never_sent_is_not_missed() -> None:
    unsent = WorkingOrder(order=order("a", BUY, 1), status=OrderStatus.APPROVED)
    assert compare({}, D(10), [unsent], account())[0] is Verdict.CLEAN


def limited(ref: str, price: str) -> WorkingOrder:
    """One of our limit orders, accepted."""
    made = replace(order(ref, BUY, 10), type=OrderType.LIMIT, limit_price=D(price))
    return WorkingOrder(order=made, status=OrderStatus.ACCEPTED, sent=True)


@pytest.mark.parametrize(
    ("change", "theirs"),
    [
        ({"quantity": D(12)}, "BUY 12 at 5"),
        ({"limit_price": D("5.01")}, "BUY 10 at 5.01"),
        ({"side": BUY.opposite}, "SELL 10 at 5"),
    ],
)
def test_an_order_whose_fields_the_broker_has_otherwise_differs(
    change: dict[str, object], theirs: str
) -> None:
    said = BrokerOrder(
        order_ref="a", instrument=QQQ.id, remaining=D(10), side=BUY, quantity=D(10),
        limit_price=D("5.00"),
    )  # fmt: skip
    assert compare({}, D(10), [limited("a", "5")], account({}, "10", said))[2] == ()
    changed = replace(said, **change)  # type: ignore[arg-type]
    (found,) = compare({}, D(10), [limited("a", "5")], account({}, "10", changed))[2]
    assert (found.kind, found.ours, found.theirs) == (K.ORDER_DIFFERS, "BUY 10 at 5", theirs)


def test_two_living_orders_of_one_reference_are_named_with_both_numbers() -> None:
    twice = [replace(there("a", 10), perm_id=number) for number in (7, 8)]
    (found,) = compare({}, D(10), [row("a", OrderStatus.UNKNOWN)], account({}, "10", *twice))[2]
    assert (found.kind, found.item) == (K.DUPLICATE_INCARNATION, "a")
    assert found.theirs == "10 as 7 and 10 as 8"
    assert found.instrument == QQQ.id


AT = datetime(2026, 11, 20, 15, tzinfo=UTC)


def fill(exec_id: str, commission: str | None = "1") -> Fill:
    """An execution of ours."""
    return Fill(
        exec_id=ExecId(exec_id), order_id=OrderId("o"), strategy=None, instrument=QQQ.id,
        side=BUY, quantity=D(5), price=D(100),
        commission=None if commission is None else D(commission),
        reference_price=None, slippage_bps=None, at=AT,
    )  # fmt: skip


def test_a_fill_that_the_broker_does_not_list_is_a_phantom_from_its_midnight_on() -> None:
    ours = Ours(positions={}, cash=D(10), fills={"e.1": fill("e.1.01"), "e.2": fill("e.2.02")})
    listed = BrokerExecutions(since=AT - timedelta(hours=10), roots=("e.1",))
    answer = replace(account({}, "10"), executions=listed)
    (found,) = reconcile.compare(ours, answer)[2]
    assert (found.kind, found.item, found.ours) == (K.PHANTOM_FILL, "e.2.02", "BUY 5 at 100")
    later = BrokerExecutions(since=AT + timedelta(hours=13), roots=())
    assert reconcile.compare(ours, replace(answer, executions=later))[2] == ()
    assert reconcile.compare(ours, replace(answer, executions=None))[2] == ()


def test_a_fill_without_a_commission_is_named_and_blocks_nothing() -> None:
    ours = Ours(positions={}, cash=D(10), uncharged=[fill("e.1.01", None)])
    (found,) = reconcile.compare(ours, account({}, "10"))[2]
    assert (found.kind, found.item, found.blocks) == (K.COMMISSION_MISSING, "e.1.01", False)


@pytest.mark.parametrize(("theirs", "equal"), [("100.01", True), ("100.02", False)])
def test_equal_shares_at_another_cost_are_mismatched_beyond_a_basis_point(
    theirs: str, equal: bool
) -> None:
    ours = Ours(positions={QQQ.id: D(5)}, cash=D(10), costs={QQQ.id: D(100)})
    answer = replace(account({QQQ.id: D(5)}, "10"), costs={QQQ.id: D(theirs)})
    found = reconcile.compare(ours, answer)[2]
    assert [(one.kind, one.item) for one in found] == (
        [] if equal else [(K.MISMATCHED, f"cost {QQQ.id}")]
    )
    assert all(one.blocks for one in found)


def test_every_kind_has_its_column_in_the_report() -> None:
    assert set(COLUMNS) == set(K)


def test_simulated_exchange_agrees_with_a_ledger_of_its_reports() -> None:
    ex = exchange("1000")
    ex.on_quotes(quotes(0, "100"))
    ex.submit(order("a", BUY, 4), opens(0))
    ex.submit(order("b", BUY, 1), closes(0))
    answer = ex.account()
    working = [row("b", OrderStatus.ACCEPTED, quantity=1)]
    assert compare({QQQ.id: D(4)}, D(600), working, answer) == (Verdict.CLEAN, 3, ())


shares = st.dictionaries(
    st.sampled_from([QQQ.id, TLT.id]), st.integers(-5, 5).map(Decimal), max_size=2
)


@given(shares, shares)
def test_books_are_clean_exactly_when_they_are_equal(
    ours: dict[InstrumentId, Decimal], theirs: dict[InstrumentId, Decimal]
) -> None:
    verdict, _, found = compare(ours, D(1), [], account(theirs, "1"))
    equal = {k: v for k, v in ours.items() if v} == {k: v for k, v in theirs.items() if v}
    assert (verdict is Verdict.CLEAN) == equal == (not found)
