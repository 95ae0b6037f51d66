"""Orders that end badly stop their strategy's entries; a lost link stops everybody's."""

from datetime import timedelta
from decimal import Decimal

import pytest

from engine.core.evolve import evolve
from engine.core.state import State, StrategyBook, initial
from engine.domain import event as ev
from engine.domain import report as rp
from engine.domain.input import LinkSeen, SlotDue
from engine.domain.link import SIMULATED, Link, LinkState
from engine.domain.order import Order
from engine.domain.reconciliation import AnswerFailed
from engine.domain.report import Accepted, Canceled, Rejected, SendFailed, Submitted
from engine.domain.request import RequestKind
from engine.domain.session import Slot
from tests.engine.floor import DAY, QQQ, TLT, closes, quotes
from tests.engine.story import ROOMY, Story, Wisher, buy

D = Decimal
HALF_AN_HOUR = 30


class Hand(Story):
    """A person who tries one order after the other, ten shares at 100."""

    def __init__(self, *others: Wisher, quality: int | None = 3) -> None:
        super().__init__(Wisher("manual"), *others, limits={**ROOMY, "quality": quality})
        self.opens("100")

    def later(self, minutes: float) -> "Hand":
        """Let time pass; the quotes are fresh."""
        self.market(quotes(0, "100", at=self.at + timedelta(minutes=minutes)))
        return self

    def tries(self, action: str = "BUY", quantity: int = 10) -> Order | str:
        """Ask for an order; return it, or why it was denied."""
        before = len(self.sent)
        self.asked(RequestKind.ORDER, action=action, symbol="QQQ", quantity=str(quantity))
        if len(self.sent) > before:
            return self.sent[-1]
        return str(self.of(ev.OrderDenied)[-1].code)

    def buys(self) -> Order:
        """Ask for an entry that the gate lets pass."""
        order = self.tries()
        assert isinstance(order, Order), order
        return order

    def rejected(self, times: int = 1) -> "Hand":
        """Entries that the broker rejects."""
        for _ in range(times):
            self.told(Rejected(order_id=self.buys().order_id, code=201, text="no margin"))
        return self

    def filled(self, price: str = "100", quantity: int = 10) -> "Hand":
        """An entry that the broker fills."""
        order = self.buys()
        self.told(
            Submitted(order_id=order.order_id),
            Accepted(order_id=order.order_id),
            self.fill(order, quantity, price),
        )
        return self

    def lost(self) -> Order:
        """An entry to which no answer comes."""
        order = self.buys()
        self.told(SendFailed(order_id=order.order_id, text="no answer after 3 look-ups"))
        return order

    @property
    def latches(self) -> list[tuple[str, str]]:
        """What is set, and minutes from now until a probe may go."""
        return [(row.scope, row.text) for row in self.state.latches.values()]

    def waits(self) -> float:
        """Minutes from now until a probe may go."""
        (row,) = self.state.latches.values()
        until = row.until.replace("Z", "+00:00")
        return (type(self.at).fromisoformat(until) - self.at).total_seconds() / 60

    def again(self) -> "Hand":
        """Fold the journal from its first event, as a restart does, and go on with that."""
        live = self.state
        books = {
            key: StrategyBook(b.strategy, [], b.capital, b.share, b.limits)
            for key, b in live.books.items()
        }
        fresh: State = initial(live.context, live.terms, live.instruments, books)
        for seq, event in enumerate(self.events, start=1):
            evolve(fresh, event, seq, self.at)
        assert {k: b.quality for k, b in fresh.books.items()} == {
            k: b.quality for k, b in live.books.items()
        }
        assert fresh.latches == live.latches
        for name in ("at", "session_date", "ordinal", "closes_at", "quotes", "quotes_at"):
            setattr(fresh, name, getattr(live, name))
        self.state = fresh
        return self


def alerts(story: Story, kind: str) -> list[str]:
    """Severity and text of every alert of a kind."""
    found = [e.alert for e in story.of(ev.AlertRaised)]
    return [f"{one.severity.value} {one.text}" for one in found if one.kind == kind]


# -- what sets it ----------------------------------------------------------------------------


def test_a_fourth_entry_after_three_rejections_is_denied_and_an_exit_passes() -> None:
    story = Hand().filled().rejected(3)
    assert story.latches == [("manual", "3 orders rejected in a row, limit 3")]
    assert story.tries() == "quality_latch"
    assert len(story.sent) == 4
    assert isinstance(story.tries("SELL", 5), Order)
    (told,) = alerts(story, "quality")
    assert told.startswith("WARNING 3 orders rejected in a row, limit 3; no entries of manual")
    assert story.waits() == HALF_AN_HOUR
    assert story.state.latches_fired == [(DAY, "quality", "manual")]


def test_orders_that_go_well_in_between_break_the_row() -> None:
    story = Hand().rejected(2).filled().rejected(2)
    done = story.buys()
    story.told(Accepted(order_id=done.order_id), Canceled(order_id=done.order_id))
    story.rejected(2)
    assert story.latches == []
    story.rejected()
    assert len(story.latches) == 1


def test_a_cancel_before_any_answer_does_not_break_the_row() -> None:
    story = Hand().rejected(2)
    story.told(Canceled(order_id=story.buys().order_id))
    story.rejected()
    assert len(story.latches) == 1


def test_three_orders_without_an_answer_in_time_set_it_wherever_they_are_found() -> None:
    story = Hand()
    for _ in range(3):
        order = story.lost()
        if not story.latches:
            story.told(story.fill(order, 10))  # found: it was late all the same
    assert story.latches == [("manual", "3 orders timed out in a row, limit 3")]
    assert story.tries() == "quality_latch"


def test_what_a_lost_link_could_not_answer_has_not_timed_out() -> None:
    story = Hand()
    orders = [story.buys() for _ in range(3)]
    story.given(LinkSeen(story.at, DOWN))
    story.told(*(SendFailed(order_id=one.order_id, text="link lost") for one in orders))
    assert [scope for scope, _ in story.latches] == ["book"]


def test_two_of_the_newest_five_fills_that_slipped_more_than_a_percent_set_it() -> None:
    story = Hand().filled("101.01")
    for _ in range(4):
        story.filled("101")  # exactly one percent is none
    story.filled("101.01")
    assert story.latches == []
    story.filled("100").filled("99").filled("101.01")
    assert story.latches == [("manual", "2 of 5 fills slipped more than 1 %, limit 2")]


def test_a_limit_that_is_off_never_latches() -> None:
    assert Hand(quality=None).rejected(5).filled("120").filled("120").latches == []


def test_only_the_strategy_whose_orders_ended_badly_waits() -> None:
    other = Wisher("other", legs=(TLT.id,))
    story = Hand(other).rejected(3)
    other.wishes = (buy(10, TLT.id),)
    before = len(story.sent)
    story.opens("100").market(SlotDue(story.at, story.at, Slot.OPEN, DAY, 0, closes(0)))
    assert [order.strategy for order in story.sent[before:]] == ["other"]


# -- what releases it ------------------------------------------------------------------------


def test_after_half_an_hour_one_entry_is_tried_and_its_success_releases() -> None:
    story = Hand().rejected(3).later(HALF_AN_HOUR - 0.01)
    assert story.tries() == "quality_latch"
    story.later(0.01)
    probe = story.buys()
    assert story.tries() == "quality_latch"
    story.told(Accepted(order_id=probe.order_id), story.fill(probe, 4))
    assert story.tries() == "quality_latch"
    story.told(story.fill(probe, 6, number=2))
    assert story.latches == []
    assert story.of(ev.LatchReleased)[-1].by == "probe"
    story.rejected(2)
    assert story.latches == []  # it counts anew


@pytest.mark.parametrize("failure", ["rejected", "lost", "slipped"])
def test_a_probe_that_fails_doubles_the_wait(failure: str) -> None:
    story = Hand().rejected(3)
    words = {
        "rejected": "the probe was rejected",
        "lost": "the probe got no answer in time",
        "slipped": "the probe slipped 200 bp",
    }
    for wait in (60, 120, 240):
        story.later(wait / 2)
        if failure == "rejected":
            story.rejected()
        elif failure == "lost":
            story.lost()
        else:
            story.filled("102")
        assert story.latches == [("manual", words[failure])]
        assert story.waits() == wait
        assert story.tries() == "quality_latch"
    story.later(240).filled()
    assert story.latches == []
    story.rejected(3)
    assert story.waits() == HALF_AN_HOUR


def test_a_probe_that_ends_unfilled_makes_room_for_another() -> None:
    story = Hand().rejected(3).later(HALF_AN_HOUR)
    probe = story.buys()
    story.told(Accepted(order_id=probe.order_id), Canceled(order_id=probe.order_id))
    assert story.latches != []
    story.filled()
    assert story.latches == []


def test_a_restart_knows_what_was_counted_what_waits_and_the_probe() -> None:
    story = Hand().rejected(2).again().rejected(1)
    assert len(story.latches) == 1
    story.again().later(HALF_AN_HOUR)
    probe = story.buys()
    story.again()
    assert story.tries() == "quality_latch"
    story.told(Rejected(order_id=probe.order_id, code=201))
    assert story.waits() == 2 * HALF_AN_HOUR
    story.again().later(2 * HALF_AN_HOUR).again().rejected()
    assert story.waits() == 4 * HALF_AN_HOUR


def test_a_person_who_resumes_releases_it() -> None:
    story = Hand().rejected(3)
    story.asked(RequestKind.REDUCE).asked(RequestKind.RESUME)
    assert story.latches == []
    assert story.rejected(2).latches == []


# -- connectivity ----------------------------------------------------------------------------

DOWN = Link(state=LinkState.DOWN, reason="LINK_DOWN")


def test_a_lost_link_holds_entries_until_a_clean_reconciliation() -> None:
    story = Hand().filled()
    story.given(LinkSeen(story.at, DOWN))
    ((scope, text),) = story.latches
    assert (scope, text) == ("book", "the link was lost (LINK_DOWN)")
    assert alerts(story, "connectivity") == [f"WARNING {text}: entries wait for the next clean "
                                             "reconciliation"]  # fmt: skip
    story.given(LinkSeen(story.at, SIMULATED))
    assert story.tries() == "unreconciled"
    story.told(
        rp.AccountRead(answer=AnswerFailed(query="positions", reason="silent"), trigger="reconnect")
    )
    assert story.tries() == "unreconciled"
    story.again().reconciled("reconnect", positions={QQQ.id: D(10), TLT.id: D(3)})
    assert story.tries() == "unreconciled"
    assert isinstance(story.tries("SELL", 5), Order)
    story.again()
    story.told(story.fill(story.sent[-1], 5)).reconciled("request")
    assert story.latches == []
    assert story.of(ev.LatchReleased)[-1].by == "reconciled"
    story.filled()


def test_a_planned_loss_of_the_link_holds_entries_and_alarms_nobody() -> None:
    story = Hand()
    night = Link(state=LinkState.DOWN, reason="BLACKOUT", planned=True)
    story.given(LinkSeen(story.at, night))
    assert len(story.latches) == 1
    assert alerts(story, "connectivity") == []


def test_an_answer_while_the_link_is_not_back_releases_nothing() -> None:
    story = Hand()
    story.given(LinkSeen(story.at, DOWN)).reconciled("request")
    assert len(story.latches) == 1
