"""The books under mischief: whatever goes wrong, they follow the newest revisions."""

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.brokers.practice.blotter import root_of
from engine.brokers.practice.faults import PARAMETERS, POINTS
from tests.engine.practice.ear import D, executions, fault, fixed, held, open_venue, order, value

KO = fixed("KO", "10:00 50.00 50.02")

Moves = st.lists(
    st.tuples(
        st.sampled_from(["place", "change", "cancel", "wait"]),
        st.integers(1, 6),
        st.sampled_from(["BUY 30 MKT", "SELL 40 MKT", "BUY 50 LMT 50.02", "BUY 20 LMT 49.00"]),
    ),
    min_size=3,
    max_size=20,
)
Troubles = st.lists(
    st.sampled_from(
        [
            *("exec_correction", "bust", "overfill", "fill_on_cancel", "double_perm_on_modify"),
            *("lose_order", "manual_trade", "fill_before_ack", "ack_late", "upstream_lost"),
            *("duplicate", "lose", "reorder", "delay", "held", "commission_late"),
        ]
    ),
    max_size=6,
    unique=True,
)


@settings(max_examples=60, deadline=None)
@given(Moves, Troubles, st.integers(0, 99))
def test_positions_and_cash_follow_the_newest_revisions_whatever_goes_wrong(
    moves: list[tuple[str, int, str]], troubles: list[str], seed: int
) -> None:
    venue, _ = open_venue(KO, seed=seed)
    for name in troubles:
        known = PARAMETERS.get(name, "").split()
        words: dict[str, object] = {"symbol": "KO", "shares": 9, "s": 1}
        words = {key: value for key, value in words.items() if key == "symbol" or key in known}
        fault(venue, name, count=0 if POINTS[name] != "now" else 1, probability=0.6, **words)
    for what, n, kind in moves:
        if what == "cancel":
            venue.cancel(17, n)
        elif what == "wait":
            venue.advance(n / 4)
        else:
            venue.place(order(n, kind))
    venue.advance(10)
    newest = {root_of(e.exec_id): e for e in executions(venue)}
    signed = [(1 if e.side == "BOT" else -1) * e.shares for e in newest.values()]
    assert held(venue) == sum(signed)
    prints = venue._blotter._prints
    fees = {root_of(one.execution.exec_id): one.fee.commission for one in prints}
    paid = sum((s * e.price for s, e in zip(signed, newest.values(), strict=True)), D(0))
    cash = D(100_000) - paid - sum(fees.values())
    assert value(venue, "TotalCashValue") == cash.quantize(D("0.01"))
    for view in [*venue.open_orders(), *venue.completed_orders()]:
        shares = [e.shares for e in newest.values() if e.perm_id == view.perm_id]
        assert sum(shares, D(0)) == view.filled
    again, _ = open_venue(KO, seed=seed, start=venue.now())
    again.restore(venue.export())
    assert again.positions() == venue.positions()
    assert again.account_values() == venue.account_values()
