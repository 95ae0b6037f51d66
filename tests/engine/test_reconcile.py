"""Reconciliation: every kind of difference, tolerance 0, a failed answer is never empty."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.checks.reconcile import compare
from engine.domain.ids import InstrumentId
from engine.domain.order import OrderStatus, WorkingOrder
from engine.domain.reconciliation import AnswerFailed, BrokerAccount, BrokerOrder, DifferenceKind
from engine.domain.session import Verdict
from tests.engine.floor import BUY, QQQ, TLT, closes, exchange, opens, order, quotes

D = Decimal
K = DifferenceKind


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
        (K.MISMATCHED, "ahead", "5", "6"),
        (K.ORDER_FOREIGN, "foreign", "", "1"),
    ]
    assert found[3].effect == D("-0.000001")


def test_order_that_was_never_sent_is_not_missed() -> None:
    unsent = WorkingOrder(order=order("a", BUY, 1), status=OrderStatus.APPROVED)
    assert compare({}, D(10), [unsent], account())[0] is Verdict.CLEAN


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
