"""After a kill the exchange knows again which auction it stands in."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from engine.core.evolve import absorb
from engine.domain.input import BarsClosed, Input
from engine.domain.order import OrderType
from engine.runtime.start import restore_exchange
from tests.engine.floor import QQQ, bars, closes, exchange, opens, quotes, said
from tests.engine.story import Story, buy


class Source:
    """A recorded market of two sessions, shown up to the closing auction of the second."""

    def __init__(self) -> None:
        self.inputs: list[Input] = [
            quotes(0, "90"),
            quotes(0, "91", at=closes(0)),
            bars(0, "91"),
            quotes(1, "99"),
            quotes(1, "100", at=closes(1)),
        ]

    def warmup(self) -> Iterator[BarsClosed]:
        """There is no history."""
        return iter(())

    def refeed(self, cursor: int) -> Iterator[Input]:
        """Yield the inputs again."""
        return iter(self.inputs[:cursor])


@pytest.mark.parametrize(
    ("kind", "reports"),
    [
        (OrderType.MARKET_ON_CLOSE, ["Submitted", "Accepted", "10@100"]),
        (OrderType.MARKET, ["Submitted", "Accepted", "10@100"]),
        (OrderType.MARKET_ON_OPEN, ["Submitted", "Accepted"]),
    ],
)
def test_an_order_sent_at_the_close_meets_the_closing_auction(
    kind: OrderType, reports: list[str]
) -> None:
    """Killed between SendStarted and the send: the newest quotes are the close, not an open."""
    story, source = Story(), Source()
    for given in source.inputs:
        story.market(given)
    story.day = 1
    story.slot(buy(10, order_type=kind))
    order = story.sent[-1]
    assert order.type is kind
    story.state.at = closes(1)
    ex = exchange(cash="100000")
    restore_exchange(ex, story.state, source, len(source.inputs), opens(0))
    assert said(ex.resume()) == reports


def test_a_new_session_forgets_the_auctions_of_the_one_before() -> None:
    """Only the newest session counts, however many were fed again."""
    story, source = Story(), Source()
    source.inputs.append(quotes(2, "105"))
    for given in source.inputs:
        absorb(story.state, given)
    story.at = opens(2)
    story.day = 2
    story.slot(buy(10, order_type=OrderType.MARKET_ON_OPEN))
    ex = exchange(cash="100000")
    restore_exchange(ex, story.state, source, len(source.inputs), opens(0) + timedelta(days=9))
    assert said(ex.resume()) == ["Submitted", "Accepted", "10@105"]
    assert ex.account().positions == {QQQ.id: Decimal(10)}
