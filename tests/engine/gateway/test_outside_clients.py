"""Clients that are not ib_insync: the same script over TCP, no complaint, values equal the ledger.

They are no part of the project: `make clients` puts them into .clients/, else these tests are
skipped. By default each runs at one or two server versions; PILOTHOUSE_CLIENTS=all runs all.
"""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from engine.brokers.practice.gateway import PracticeGateway
from engine.brokers.practice.model import ExecutionFilter
from tests.engine.gateway.conftest import Opening
from tests.patience import PATIENCE_S

HERE = Path(__file__).resolve().parent / "clients"
CLIENTS = HERE.parents[3] / ".clients"
NODE = CLIENTS / "node_modules"

TWS = NODE / "ib-tws-api" / "index.js"
ENVIRONMENT = {
    **os.environ,
    "NODE_PATH": str(NODE),
    "TWS_API": TWS.as_uri(),
    "PYTHONPATH": str(CLIENTS / "python"),
}


def versions(usual: tuple[int, ...], every: tuple[int, ...]) -> tuple[int, ...]:
    """The server versions to run at."""
    return every if os.environ.get("PILOTHOUSE_CLIENTS") == "all" else usual


def needs(path: Path) -> pytest.MarkDecorator:
    """Skip where a client is not installed."""
    why = f"{path.parent.name}/{path.name} is not installed: make clients"
    is_there = path.exists() and (path.name == "ibapi" or shutil.which("node"))
    return pytest.mark.skipif(not is_there, reason=why)


class Outcome(NamedTuple):
    """What a client said."""

    events: list[list[Any]]
    complaints: list[str]

    def all(self, name: str) -> list[list[Any]]:
        """Every event of a name."""
        return [one for one in self.events if one[0] == name]


async def run(gateway: PracticeGateway, *command: str) -> Outcome:
    """Run a client's script to its end; its error output must be empty."""
    process = await asyncio.create_subprocess_exec(
        *command, gateway.host, str(gateway.port), "17", gateway.account,
        env=ENVIRONMENT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(PATIENCE_S):
            out, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert errors.decode() == ""
    assert process.returncode == 0
    return Outcome(**json.loads(out))


@needs(NODE / "@stoqey" / "ib")
@pytest.mark.parametrize(
    "version", versions((163, 178), (151, 156, 157, 158, 162, 163, 164, 166, 170, 176, 177, 178))
)
async def test_stoqey_finds_no_field_too_many_or_missing(opened: Opening, version: int) -> None:
    gateway = await opened(speed=20, server_version=version)
    outcome = await run(gateway, "node", str(HERE / "stoqey.cjs"))
    assert outcome.complaints == []
    assert outcome.all("server")[0][1] == version
    assert_all_equal(gateway, outcome)


@needs(CLIENTS / "python" / "ibapi")
@pytest.mark.parametrize("version", versions((157,), (151, 152, 155, 156, 157)))
async def test_the_official_python_api_runs_the_script(opened: Opening, version: int) -> None:
    gateway = await opened(speed=20, server_version=version)
    outcome = await run(gateway, sys.executable, str(HERE / "official.py"))
    assert outcome.complaints == []
    assert_all_equal(gateway, outcome)


@needs(TWS)
async def test_ib_tws_api_runs_what_it_offers(opened: Opening) -> None:
    gateway = await opened(speed=20)
    outcome = await run(gateway, "node", str(HERE / "tws.mjs"))
    assert outcome.complaints == []
    known = gateway.venue.executions(ExecutionFilter())
    (position,) = outcome.all("getPositions")[-1][1].values()
    (row,) = gateway.venue.positions()
    assert position["position"] == float(row.position)
    assert position["avgCost"] == pytest.approx(float(row.avg_cost))
    filled = [one[1] for one in outcome.all("orderStatus") if one[1]["status"] == "Filled"][-1]
    assert filled["avgFillPrice"] == pytest.approx(float(known[-1][0].avg_price), abs=1e-9)
    assert len(outcome.all("getHistoricalData")[0][1]["bars"]) == 10


def assert_all_equal(gateway: PracticeGateway, outcome: Outcome) -> None:
    """Prices, sizes, filled, remaining, averages, commissions, margins, positions, details."""
    assert_executions_equal(gateway, outcome)
    assert_orders_equal(gateway, outcome)
    venue = gateway.venue
    (row,) = venue.positions()
    told = [one for one in outcome.all("position") if one[2]["conId"] == row.contract.con_id][-1]
    assert told[3] == float(row.position)
    assert told[4] == pytest.approx(float(row.avg_cost), abs=1e-9)
    summary = outcome.all("accountSummary")
    assert [one[3] for one in summary] == ["NetLiquidation"]
    details = outcome.all("contractDetails")[0][2]
    (known,) = venue.details(row.contract)
    assert details["longName"] == known.long_name
    assert details["minTick"] == float(known.min_tick)
    assert details["validExchanges"] == known.valid_exchanges
    assert details["marketRuleIds"] == known.market_rule_ids
    assert details["liquidHours"] == known.liquid_hours
    assert details["timeZoneId"] == known.time_zone_id
    assert {one[2] for one in outcome.all("error")} >= {200, 201, 202}
    assert outcome.all("nextValidId")[-1][1] == venue.last_order_id(17) + 1


def assert_executions_equal(gateway: PracticeGateway, outcome: Outcome) -> None:
    """Live, asked for, and asked for again after a reconnect: always the same."""
    known = gateway.venue.executions(ExecutionFilter())
    commissions = {one[1]["execId"]: one[1] for one in outcome.all("commissionReport")}
    told = outcome.all("execDetails")
    for r in (-1, 9040, 9900):
        found = {one[3]["execId"]: one[3] for one in told if one[1] == r}
        assert found.keys() == {execution.exec_id for execution, _ in known}, r
        for execution, commission in known:
            one = found[execution.exec_id]
            assert one["shares"] == float(execution.shares)
            assert one["price"] == float(execution.price)
            assert one["cumQty"] == float(execution.cum_qty)
            assert one["avgPrice"] == pytest.approx(float(execution.avg_price), abs=1e-9)
            assert one["side"] == execution.side
            assert one["permId"] == execution.perm_id
            assert one["orderRef"] == execution.order_ref
            assert one["acctNumber"] == execution.account
            assert commission is not None
            report = commissions[execution.exec_id]
            assert report["commission"] == float(commission.commission)
            assert report["currency"] == commission.currency
            realized = report.get("realizedPNL")
            is_unset = realized is None or realized > 1e300
            assert is_unset == (commission.realized_pnl is None)


def assert_orders_equal(gateway: PracticeGateway, outcome: Outcome) -> None:
    """The newest status of each order, and the completed orders, as the broker has them."""
    views = {view.perm_id: view for view in gateway.venue.completed_orders()}
    newest = {one[6]: one for one in outcome.all("orderStatus")}
    for perm_id, view in views.items():
        _, _, status, filled, remaining, average = newest[perm_id][:6]
        assert status == view.status
        assert filled == float(view.filled)
        assert remaining == float(view.remaining)
        assert average == pytest.approx(float(view.avg_fill_price), abs=1e-9)
    completed = {one[2]["permId"]: one for one in outcome.all("completedOrder")}
    assert completed.keys() == views.keys()
    for perm_id, view in views.items():
        _, contract, order, state = completed[perm_id]
        _assert_order(order, view.request)
        assert contract["conId"] == view.request.contract.con_id
        assert order["filledQuantity"] == float(view.filled)
        assert state["status"] == view.status
        assert state["completedStatus"] == view.completed_status
    what_if = outcome.all("openOrder")[0][4]
    assert float(what_if["initMarginChange"]) > 1000
    assert float(what_if["commission"]) == 1


def _assert_order(told: Mapping[str, Any], known: Any) -> None:
    assert told["action"] == known.action
    assert told["orderType"] == known.type
    assert told["totalQuantity"] == float(known.quantity)
    assert told["lmtPrice"] == float(known.limit_price or 0)
    assert told["tif"] == known.tif
    assert told["orderRef"] == known.order_ref
    assert told["account"] == known.account
