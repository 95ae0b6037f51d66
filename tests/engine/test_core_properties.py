"""For every order of arrival: one final state, nothing twice, and deciding changes nothing."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine.core.decide import decide
from engine.domain import event as ev
from engine.domain.ids import ExecId
from engine.domain.input import (
    DataEnded,
    Fault,
    Input,
    JobDue,
    Reported,
    Requested,
    SlotDue,
    Started,
    Tick,
)
from engine.domain.money import ZERO
from engine.domain.order import DONE, TRANSITIONS, OrderStatus, may_become
from engine.domain.report import (
    Accepted,
    Canceled,
    CancelRefused,
    CommissionReported,
    Executed,
    Expired,
    NotFound,
    Rejected,
    Report,
    SendFailed,
    Submitted,
)
from engine.domain.request import Request, RequestKind
from engine.domain.session import Slot
from tests.engine.floor import DAY, QQQ, TLT, closes, opens
from tests.engine.story import Story, Wisher, buy, sell
from tests.simulation.auditor import Auditor
from tests.simulation.canonical import difference, ledger, whole

D = Decimal
FAST = settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def projection(story: Story) -> dict[str, Any]:
    """Return what must not depend on the order of arrival: all but alerts, hashes and times."""
    left_out = {"seq", "written_at", "alerts", "fills_digest", "commissions"}
    found = {k: v for k, v in ledger(story.state, story.state).items() if k not in left_out}
    for row in found["orders"].values():
        row.pop("accepted_at")
        row.pop("reason")
        row.pop("timed_out")
    for name in story.state.books:
        # where a session's return is split between two cells: by the plan, which a cancel ends
        found[f"book {name}"].pop("equity_at_fill")
        found[f"book {name}"].pop("quality")  # what ended badly in a row is about the order
    found.pop("working")
    found["fills"] = dict(sorted(found["fills"].items()))
    return found


# -- the legal histories of one order --------------------------------------------------------


@st.composite
def histories(draw: st.DrawFn) -> Callable[[Story], list[Report]]:
    """Draw what a broker may say of an order of 100 shares, in the order in which it happens."""
    parts = draw(st.lists(st.integers(1, 40), max_size=5).filter(lambda p: sum(p) <= 100))
    ending = draw(st.sampled_from(("filled", "canceled", "expired", "rejected", "works")))
    apart = draw(st.lists(st.booleans(), min_size=6, max_size=6))
    if ending == "filled":
        parts = [*parts, 100 - sum(parts)] if sum(parts) < 100 else parts
    elif ending == "rejected" or sum(parts) == 100:
        parts = []
    fee = D("0.35")

    def reports(story: Story) -> list[Report]:
        order = story.sent[-1]
        oid = order.order_id
        said: list[Report] = [Submitted(order_id=oid)]
        if ending != "rejected" or apart[0]:
            said.append(Accepted(order_id=oid, perm_id=77))
        for n, part in enumerate(parts, start=1):
            fill = story.fill(order, part, str(100 + n), n)
            if apart[n - 1]:
                said.append(replace(fill, commission=None))
                said.append(CommissionReported(exec_id=fill.exec_id, commission=fee))
            else:
                said.append(replace(fill, commission=fee))
        last: dict[str, Report] = {
            "canceled": Canceled(order_id=oid),
            "expired": Expired(order_id=oid),
            "rejected": Rejected(order_id=oid, code=201),
        }
        return said + ([last[ending]] if ending in last else [])

    return reports


def sent() -> Story:
    """A story in which a buy of 100 is on its way."""
    return Story().opens("100").slot(buy(100))


@FAST
@given(histories(), st.randoms(use_true_random=False), st.integers(0, 6))
def test_reports_in_any_order_and_repeated_leave_one_state_and_each_fill_once(
    history: Callable[[Story], list[Report]], random: Any, doubles: int
) -> None:
    straight, mixed = sent(), sent()
    reports = history(straight)
    straight.told(*reports)
    shuffled = [*reports, *(random.choice(reports) for _ in range(doubles))]
    random.shuffle(shuffled)
    mixed.told(*shuffled)
    assert difference(projection(straight), projection(mixed)) == ""
    ids = [e.fill.exec_id for e in mixed.of(ev.FillReceived)]
    assert sorted(ids) == sorted({r.exec_id for r in reports if isinstance(r, Executed)})
    paid = sum((f.quantity * f.price for f in mixed.state.fills.values()), ZERO)
    fees = D("0.35") * len(ids)
    assert mixed.book().cash == 100_000 - paid - fees


@FAST
@given(histories(), histories(), st.randoms(use_true_random=False))
def test_reports_of_two_orders_mix_in_any_way(
    first: Callable[[Story], list[Report]], second: Callable[[Story], list[Report]], random: Any
) -> None:
    """Two strategies, two orders: each ledger is what its own order made of it."""

    def both() -> Story:
        one = Wisher("one", (buy(100),))
        other = Wisher("other", (buy(100, TLT.id),))
        return Story(one, other).opens("100").slot()

    straight, mixed = both(), both()
    reports: list[Report] = []
    for number, history in enumerate((second, first)):
        orders = straight.sent
        straight.sent = orders[: len(orders) - number]
        reports += history(straight)
        straight.sent = orders
    straight.told(*reports)
    random.shuffle(reports)
    mixed.told(*reports)
    assert difference(projection(straight), projection(mixed)) == ""


@FAST
@given(histories(), st.integers(0, 12), st.randoms(use_true_random=False))
def test_a_failed_send_with_a_look_up_ends_where_the_truth_is(
    history: Callable[[Story], list[Report]], at: int, random: Any
) -> None:
    """The answer is lost at any moment; the look-up says everything again, perhaps doubled."""
    straight, torn = sent(), sent()
    reports = history(straight)
    straight.told(*reports)
    oid = torn.sent[-1].order_id
    early = reports[:at]
    random.shuffle(early)
    torn.told(*early, SendFailed(order_id=oid))
    torn.told(*reports)
    left, right = projection(straight), projection(torn)
    if straight.row().status not in DONE and straight.row().status is OrderStatus.SUBMITTED:
        return  # nothing but Submitted was said: that does not prove that it works
    assert difference(left, right) == ""
    assert len(torn.sent) == 1


# -- any input twice -------------------------------------------------------------------------

_KINDS = st.sampled_from([kind for kind in RequestKind if kind is not RequestKind.PACE])


def request(story: Story, kind: RequestKind, number: int, pick: int) -> Requested:
    """A request about whatever there is."""
    orders = [*story.state.orders, "ord_none"]
    args = {
        "order_id": orders[pick % len(orders)],
        "status": "CANCELED",
        "item": QQQ.id,
        "strategy": "wisher",
        "key": "k",
        "value": str(pick),
        "alert_id": "*",
        "minutes": "5",
    }
    return Requested(
        story.at,
        Request(
            request_id=f"req_{number}",  # type: ignore[arg-type]
            kind=kind,
            actor="me",
            reason="because",
            args=args,
            asked_at=story.at,
        ),
    )


def report(story: Story, shape: int, pick: int) -> Reported | None:
    """A report about some order that was sent, legal or not."""
    if not story.sent:
        return None
    order = story.sent[pick % len(story.sent)]
    oid = order.order_id
    quantity = 1 + pick % 60
    executed = Executed(
        order_id=oid,
        exec_id=ExecId(f"0001.{oid[-8:]}.{pick % 5}.{1 + pick % 2:02d}"),
        quantity=D(quantity),
        price=D(90 + pick % 20),
        commission=None if pick % 3 else D(1),
        at=story.at,
    )
    said: tuple[Report, ...] = (
        Submitted(order_id=oid),
        Accepted(order_id=oid),
        executed,
        executed,
        CommissionReported(exec_id=executed.exec_id, commission=D("0.5")),
        Canceled(order_id=oid),
        CancelRefused(order_id=oid),
        Expired(order_id=oid),
        Rejected(order_id=oid),
        SendFailed(order_id=oid),
        NotFound(order_id=oid),
    )
    return Reported(story.at, said[shape % len(said)])


Step = tuple[str, int, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("report", "report", "report", "request", "day", "tick", "job")),
        st.integers(0, 40),
        st.integers(0, 40),
    ),
    max_size=25,
)


def play(story: Story, steps: Sequence[Step], each: Callable[[Input], None]) -> None:
    """Give a story random steps."""
    kinds = list(RequestKind)
    for number, (what, shape, pick) in enumerate(steps):
        given_: Input | None
        if what == "report":
            given_ = report(story, shape, pick)
        elif what == "request":
            given_ = request(story, kinds[shape % len(kinds)], number, pick)
        elif what == "tick":
            given_ = Tick(story.at)
        elif what == "job":
            at = closes(story.day)
            day = DAY + timedelta(days=story.day)
            given_ = JobDue(at, at, ("snapshot", "reconcile")[shape % 2], day)
        else:
            story.closes(str(80 + shape)).opens(str(80 + shape), story.day + 1)
            story.wisher.wishes = (
                buy(1 + pick, leg=0),
                sell(leg=1),
                buy(10, TLT.id, leg=2),
            )[pick % 3 :]
            due = opens(story.day)
            day = DAY + timedelta(days=story.day)
            given_ = SlotDue(due, due, Slot.OPEN, day, story.day, closes(story.day))
        if given_ is not None:
            each(given_)


@FAST
@given(STEPS)
def test_any_input_twice_is_as_once(steps: Sequence[Step]) -> None:
    """Reports, requests, slots, jobs: the second one moves nothing (comparisons are reads)."""
    story = sent()
    left_out = ("seq", "written_at", "alerts")

    def each(given_: Input) -> None:
        story.given(given_)
        before = {k: v for k, v in ledger(story.state, story.state).items() if k not in left_out}
        sent_before, canceled_before = len(story.sent), len(story.canceled)
        if isinstance(given_, Reported) and isinstance(
            given_.report, (SendFailed, CancelRefused, Submitted, Accepted)
        ):
            return  # not facts but moments: an order may be accepted, lost and found again
        story.given(given_)
        after = {k: v for k, v in ledger(story.state, story.state).items() if k not in left_out}
        assert difference(before, after) == ""
        assert (len(story.sent), len(story.canceled)) == (sent_before, canceled_before)

    play(story, steps, each)


@settings(FAST, max_examples=200)
@given(STEPS)
def test_deciding_changes_nothing_and_decides_the_same_again(steps: Sequence[Step]) -> None:
    story = sent()

    def each(given_: Input) -> None:
        before = whole(story.state)
        first = decide(story.state, given_)
        assert difference(before, whole(story.state)) == ""
        assert decide(story.state, given_) == first
        story.given(given_)

    play(story, steps, each)
    for given_ in (Started(story.at), DataEnded(story.at), Fault(story.at, "k", "t", halt=True)):
        each(given_)


# -- statuses --------------------------------------------------------------------------------


def test_the_table_of_statuses_is_that_of_the_specification() -> None:
    """behaviours.md 4.1, spelled out once more."""
    ends = "FILLED CANCELED EXPIRED REJECTED"
    table = {
        "APPROVED": f"SUBMITTED ACCEPTED PARTIALLY_FILLED UNKNOWN {ends}",
        "SUBMITTED": f"ACCEPTED PARTIALLY_FILLED PENDING_CANCEL UNKNOWN {ends}",
        "ACCEPTED": f"PARTIALLY_FILLED PENDING_CANCEL UNKNOWN {ends}",
        "PARTIALLY_FILLED": "PARTIALLY_FILLED PENDING_CANCEL UNKNOWN FILLED CANCELED EXPIRED",
        "PENDING_CANCEL": f"PENDING_CANCEL ACCEPTED PARTIALLY_FILLED UNKNOWN {ends}",
        "CANCELED": "FILLED",
        "EXPIRED": "FILLED",
        "UNKNOWN": f"ACCEPTED PARTIALLY_FILLED PENDING_CANCEL {ends}",
        "FILLED": "",
        "REJECTED": "",
        "DENIED": "",
        "DRY_RUN": "",
    }
    assert {now.value: {s.value for s in then} for now, then in TRANSITIONS.items()} == {
        now: set(then.split()) for now, then in table.items()
    }
    for now in OrderStatus:
        for then in OrderStatus:
            assert may_become(now, then) is (then.value in table[now.value].split())


class Orders(RuleBasedStateMachine):
    """One order after the other, told anything at all; a second bookkeeper watches."""

    def __init__(self) -> None:
        super().__init__()
        self.story = Story()
        self.auditor = Auditor()
        self.seen = 0
        self.story.opens("100")

    def _tell(self, *reports: Report) -> None:
        self.story.told(*reports)

    @rule(quantity=st.integers(1, 100))
    def another_order(self, quantity: int) -> None:
        """The next session brings another order."""
        self.story.closes("100").opens("100", self.story.day + 1).slot(buy(quantity))

    @precondition(lambda self: self.story.sent)
    @rule(shape=st.integers(0, 10), pick=st.integers(0, 400))
    def anything_is_said(self, shape: int, pick: int) -> None:
        """A report, legal or not, once or again."""
        said = report(self.story, shape, pick)
        assert said is not None
        self._tell(said.report)

    @precondition(lambda self: self.story.state.working)
    @rule(pick=st.integers(0, 9))
    def a_cancel_is_asked(self, pick: int) -> None:
        """A person cancels what works."""
        working = list(self.story.state.working)
        self.story.asked(RequestKind.CANCEL, order_id=working[pick % len(working)])

    @rule()
    def the_broker_is_asked(self) -> None:
        """A comparison finds nothing wrong: what was blocked is free again."""
        self.story.reconciled()

    @invariant()
    def the_second_bookkeeper_agrees(self) -> None:
        """Table, fills, shares and cash (I3, I4, I5, I9, I14)."""
        for event in self.story.events[self.seen :]:
            self.auditor.take(self.auditor.seq + 1, event)
        self.seen = len(self.story.events)
        assert self.auditor.cash_owed == ZERO
        book = self.story.book()
        assert book.cash == self.auditor.cash.get(book.strategy.id, ZERO)
        assert self.story.owned() == self.auditor.shares[book.strategy.id, QQQ.id]

    @invariant()
    def what_ended_does_not_work(self) -> None:
        """Working orders are those that have not ended, no others."""
        state = self.story.state
        live = {oid for oid, row in state.orders.items() if row.status not in DONE}
        assert live == set(state.working)

    @invariant()
    def nothing_is_sent_twice(self) -> None:
        """Whatever is said, a reference goes out once (I1)."""
        refs = [order.order_ref for order in self.story.sent]
        assert len(refs) == len(set(refs))


Orders.TestCase.settings = settings(
    max_examples=100, stateful_step_count=30, deadline=None, derandomize=True
)
TestOrders = Orders.TestCase
