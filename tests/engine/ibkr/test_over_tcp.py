"""The adapter against the practice gateway: real library, real socket."""

from engine.brokers.practice.gateway import PracticeGateway
from engine.domain import report as rp
from engine.domain.reconciliation import BrokerAccount
from tests.engine.ibkr.wire import QQQ, D, desk, order


async def test_a_session_begins_live_after_everything_was_answered() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        assert one.links == ["TCP LINK_DOWN", "SYNCING SYNCING", "LIVE"]


async def test_a_market_order_fills_in_parts_with_commissions() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        one.broker.submit(order("a", quantity=10), 1)
        await one.until(lambda: len(one.reports(rp.CommissionReported)) == 2)
        fills = one.reports(rp.Executed)
        assert sum(fill.quantity for fill in fills) == 10
        assert {fill.exec_id for fill in fills} == {
            paid.exec_id for paid in one.reports(rp.CommissionReported)
        }
        one.broker.read_account("test")
        await one.until(lambda: one.reports(rp.AccountRead))
        answer = one.reports(rp.AccountRead)[0].answer
        assert isinstance(answer, BrokerAccount)
        assert answer.positions == {QQQ: D(10)}
