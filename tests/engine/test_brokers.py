"""The simulated broker answers through the sink; the dry run's sends nothing."""

from datetime import datetime
from decimal import Decimal

import pytest

from engine.brokers.dry_run import DryRunBroker
from engine.brokers.simulated import SimulatedBroker
from engine.domain.input import DataEnded, Input, Reported
from engine.domain.reconciliation import BrokerAccount
from engine.domain.report import AccountRead, NotFound
from engine.errors import BrokerError
from engine.ports import Broker
from tests.engine.floor import BUY, QQQ, bars, closes, exchange, opens, order, quotes, said


class Inbox(list[Reported]):
    """A sink; only reports may come."""

    def __call__(self, given: Input) -> None:
        """Take one."""
        assert isinstance(given, Reported)
        self.append(given)


def test_simulated_broker_tells_reports_with_the_sessions_clock() -> None:
    told = Inbox()
    clock: list[datetime] = [opens(0)]
    ex = exchange()
    broker = SimulatedBroker(ex, told, lambda: clock[0])
    port: Broker = broker
    broker.on_market(quotes(0, "100"))
    port.submit(order("a", BUY, 1), 1)
    clock[0] = closes(0)
    broker.on_market(bars(0, "101"))
    broker.on_market(DataEnded(closes(0)))
    port.submit(order("b", BUY, 1), 2)
    port.cancel(order("b", BUY, 1).order_id)
    port.look_up(order("z", BUY, 1).order_id)
    port.submit(order("c", BUY, 1), 3)
    broker.on_market(quotes(1, "102"))
    port.read_account("daily")
    assert said(given.report for given in told) == [
        *("Submitted", "Accepted", "1@100"),
        *("Submitted", "Accepted", "Canceled", "NotFound"),
        *("Submitted", "Accepted", "1@102", "AccountRead"),
    ]
    assert [given.at for given in told[:3]] == [opens(0)] * 3
    assert told[-2].at == opens(1)
    assert told[-1].report == AccountRead(answer=ex.account(), trigger="daily")


def test_simulated_broker_resumes_what_a_kill_cut_off() -> None:
    told = Inbox()
    broker = SimulatedBroker(exchange(), told, lambda: opens(0))
    broker.resume()
    assert told == []


def test_dry_run_sends_nothing_and_shows_our_ledger() -> None:
    told = Inbox()
    ours = BrokerAccount(positions={QQQ.id: Decimal(5)}, cash=Decimal(7), orders=())
    broker: Broker = DryRunBroker(lambda: ours, told, lambda: opens(0))
    a = order("a", BUY, 1)
    with pytest.raises(BrokerError, match="a was not sent"):
        broker.submit(a, 1)
    with pytest.raises(BrokerError, match="no cancel was sent"):
        broker.cancel(a.order_id)
    broker.look_up(a.order_id)
    broker.read_account("start")
    assert [given.report for given in told] == [
        NotFound(order_id=a.order_id),
        AccountRead(answer=ours, trigger="start"),
    ]
