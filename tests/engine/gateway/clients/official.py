"""The whole script with the official Python API 9.81, in a process and threads of its own.

Arguments: host port clientId account. Prints one JSON document: {events, complaints}.
"""

import json
import logging
import os
import sys
import threading
import time
from typing import Any

from ibapi.client import EClient  # type: ignore[import-not-found,unused-ignore]
from ibapi.contract import Contract  # type: ignore[import-not-found,unused-ignore]
from ibapi.execution import ExecutionFilter  # type: ignore[import-not-found,unused-ignore]
from ibapi.order import Order  # type: ignore[import-not-found,unused-ignore]
from ibapi.wrapper import EWrapper  # type: ignore[import-not-found,unused-ignore]

EXPECTED = {200, 201, 202, 399, 2104, 2106, 2158, -1}
WANTED = """
    nextValidId managedAccounts position positionEnd contractDetails contractDetailsEnd
    tickPrice tickSize tickOptionComputation marketDataType tickReqParams tickSnapshotEnd
    securityDefinitionOptionParameter securityDefinitionOptionParameterEnd currentTime
    historicalData historicalDataEnd historicalDataUpdate headTimestamp realtimeBar
    tickByTickAllLast tickByTickBidAsk tickByTickMidPoint historicalTicks historicalTicksBidAsk
    historicalTicksLast marketRule symbolSamples openOrder openOrderEnd orderStatus execDetails
    execDetailsEnd commissionReport completedOrder completedOrdersEnd updateAccountValue
    updatePortfolio accountDownloadEnd accountSummary accountSummaryEnd pnl pnlSingle
    familyCodes newsProviders histogramData
""".split()  # noqa: SIM905  a list of forty words


class Client(EWrapper, EClient):  # type: ignore[misc,unused-ignore]
    """Notes every callback."""

    def __init__(self) -> None:
        EClient.__init__(self, self)
        self.events: list[tuple[Any, ...]] = []
        self.complaints: list[str] = []

    def error(self, reqId: int, errorCode: int, errorString: str) -> None:  # noqa: N803
        """Note an error; an unexpected one is a complaint."""
        if errorCode not in EXPECTED:
            self.complaints.append(f"{errorCode} {reqId} {errorString}")
        self.events.append(("error", reqId, errorCode, errorString))

    def all(self, name: str) -> list[tuple[Any, ...]]:
        """Every callback of a name so far."""
        return [one for one in list(self.events) if one[0] == name]

    def until(self, what: str, is_so: Any) -> None:
        """Wait until something is so."""
        for _ in range(3000):
            if is_so():
                return
            time.sleep(0.005)
        raise TimeoutError(f"waited in vain for {what}; complaints: {self.complaints[:5]}")

    def ask(self, answer: str, request: Any, *arguments: Any) -> list[tuple[Any, ...]]:
        """Send a request and wait for a callback."""
        before = len(self.all(answer))
        request(*arguments)
        self.until(answer, lambda: len(self.all(answer)) > before)
        return self.all(answer)[before:]

    def status(self, order_id: int) -> str:
        """The newest status of an order."""
        found = [one[2] for one in self.all("orderStatus") if one[1] == order_id]
        return found[-1] if found else ""

    def reached(self, order_id: int, wanted: str) -> None:
        """Wait for a status."""
        self.until(f"{order_id} {wanted}", lambda: self.status(order_id) == wanted)

    def tick(self, kind: int) -> float:
        """The newest price of a kind."""
        return float([one[3] for one in self.all("tickPrice") if one[2] == kind][-1])


def _noter(name: str) -> Any:
    def note(self: Client, *arguments: Any) -> None:
        self.events.append((name, *arguments))

    return note


for wanted in WANTED:
    setattr(Client, wanted, _noter(wanted))


def stock(symbol: str) -> Any:
    """A stock as a client names it."""
    found = Contract()
    found.symbol, found.secType, found.exchange, found.currency = symbol, "STK", "SMART", "USD"
    return found


def order(action: str, quantity: int, kind: str, **more: Any) -> Any:
    """An order with the fields that every order needs."""
    found = Order()
    found.action, found.totalQuantity, found.orderType = action, quantity, kind
    found.tif, found.account, found.transmit = "DAY", sys.argv[4], True
    for name, value in more.items():
        setattr(found, name, value)
    return found


def connected() -> Client:
    """A started client and its reading thread."""
    client = Client()
    client.setConnectionOptions("+PACEAPI")
    client.connect(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    threading.Thread(target=client.run, daemon=True).start()
    client.until("start", lambda: client.all("nextValidId") and client.all("managedAccounts"))
    return client


def script(c: Client) -> None:
    """All of it."""
    c.ask("positionEnd", c.reqPositions)
    c.ask("currentTime", c.reqCurrentTime)
    c.ask("contractDetailsEnd", c.reqContractDetails, 9001, stock("SPY"))
    spy = c.all("contractDetails")[-1][2].contract
    c.ask("error", c.reqContractDetails, 9002, stock("NOSUCH"))
    market(c, spy, chain(c, spy))
    history(c, spy)
    c.ask("symbolSamples", c.reqMatchingSymbols, 9030, "SP")
    c.ask("marketRule", c.reqMarketRule, 26)
    c.ask("familyCodes", c.reqFamilyCodes)
    c.ask("newsProviders", c.reqNewsProviders)
    orders(c, spy)
    books(c, spy)


def chain(c: Client, spy: Any) -> Any:
    """A call in the middle of the chain."""
    c.ask("securityDefinitionOptionParameterEnd", c.reqSecDefOptParams, 9003, "SPY", "", "STK",
          spy.conId)  # fmt: skip
    row = next(o for o in c.all("securityDefinitionOptionParameter") if o[2] == "SMART")
    option = stock("SPY")
    strikes = sorted(row[7])
    option.secType, option.right, option.strike = "OPT", "C", strikes[len(strikes) // 2]
    option.lastTradeDateOrContractMonth = sorted(row[6])[5]
    c.ask("contractDetailsEnd", c.reqContractDetails, 9004, option)
    return c.all("contractDetails")[-1][2].contract


def market(c: Client, spy: Any, option: Any) -> None:
    """Quotes, option computations, ticks, bars."""
    c.reqMktData(9010, spy, "", False, False, [])
    c.reqMktData(9011, option, "", False, False, [])
    c.until("bid and ask", lambda: {1, 2} <= {one[2] for one in c.all("tickPrice")})
    c.until("model", lambda: any(one[2] == 13 for one in c.all("tickOptionComputation")))
    c.cancelMktData(9010)
    c.cancelMktData(9011)
    c.ask("tickSnapshotEnd", c.reqMktData, 9012, spy, "", True, False, [])
    for r, kind, answer in (
        (9013, "Last", "tickByTickAllLast"),
        (9014, "BidAsk", "tickByTickBidAsk"),
        (9015, "MidPoint", "tickByTickMidPoint"),
    ):
        c.ask(answer, c.reqTickByTickData, r, spy, kind, 0, False)
        c.cancelTickByTickData(r)
    c.ask("realtimeBar", c.reqRealTimeBars, 9016, spy, 5, "TRADES", True, [])
    c.cancelRealTimeBars(9016)


def history(c: Client, spy: Any) -> None:
    """Days, minutes kept up to date, the beginning, past ticks, histogram."""
    c.ask("historicalDataEnd", c.reqHistoricalData, 9020, spy, "", "10 D", "1 day", "TRADES", 1, 1,
          False, [])  # fmt: skip
    c.ask("historicalDataEnd", c.reqHistoricalData, 9021, spy, "", "1800 S", "1 min", "TRADES", 1,
          2, True, [])  # fmt: skip
    c.until("update", lambda: c.all("historicalDataUpdate"))
    c.cancelHistoricalData(9021)
    c.ask("headTimestamp", c.reqHeadTimeStamp, 9022, spy, "TRADES", 1, 1)
    for r, what, answer in (
        (9023, "TRADES", "historicalTicksLast"),
        (9024, "BID_ASK", "historicalTicksBidAsk"),
        (9025, "MIDPOINT", "historicalTicks"),
    ):
        start = "20261120 09:31:00 US/Eastern"
        c.ask(answer, c.reqHistoricalTicks, r, spy, start, "", 20, what, 1, False, [])
    c.ask("histogramData", c.reqHistogramData, 9026, spy, True, "3 days")


def orders(c: Client, spy: Any) -> None:
    """What-if, fills, change, cancel, reject, bracket, OCA, trail, global cancel."""
    ids = iter(range(c.all("nextValidId")[-1][1], 10**6))
    what = next(ids)
    c.placeOrder(what, spy, order("BUY", 100, "MKT", whatIf=True))
    c.until("what-if", lambda: any(one[1] == what for one in c.all("openOrder")))
    bought = next(ids)
    c.placeOrder(bought, spy, order("BUY", 100, "MKT", orderRef="PY-1"))
    c.reached(bought, "Filled")
    c.until("commissions", lambda: len(c.all("commissionReport")) >= 2)
    limit = next(ids)
    c.placeOrder(limit, spy, order("BUY", 10, "LMT", lmtPrice=100.0))
    c.reached(limit, "Submitted")
    c.placeOrder(limit, spy, order("BUY", 10, "LMT", lmtPrice=101.0))
    c.until("change", lambda: any(
        one[1] == limit and one[3].lmtPrice == 101.0 for one in c.all("openOrder")))  # fmt: skip
    c.cancelOrder(limit)
    c.reached(limit, "Cancelled")
    c.placeOrder(next(ids), spy, order("BUY", 10**6, "LMT", lmtPrice=400.0))
    c.until("201", lambda: any(one[2] == 201 for one in c.all("error")))
    ask = c.tick(2)
    parent, profit, stop = next(ids), next(ids), next(ids)
    c.placeOrder(parent, spy, order("BUY", 20, "LMT", lmtPrice=round(ask + 5), transmit=False))
    c.placeOrder(
        profit, spy,
        order("SELL", 20, "LMT", lmtPrice=round(ask + 50), parentId=parent, transmit=False),
    )  # fmt: skip
    c.placeOrder(stop, spy, order("SELL", 20, "STP", auxPrice=round(ask - 50), parentId=parent))
    c.reached(parent, "Filled")
    c.reached(profit, "Submitted")
    for one in (profit, stop):
        c.cancelOrder(one)
        c.reached(one, "Cancelled")
    low, high = next(ids), next(ids)
    c.placeOrder(low, spy, order("BUY", 5, "LMT", lmtPrice=50.0, ocaGroup="py", ocaType=1))
    c.placeOrder(
        high, spy, order("BUY", 5, "LMT", lmtPrice=round(ask + 5), ocaGroup="py", ocaType=1)
    )
    c.reached(high, "Filled")
    c.reached(low, "Cancelled")
    trail = next(ids)
    c.placeOrder(trail, spy, order("SELL", 5, "TRAIL", trailingPercent=5.0))
    c.reached(trail, "PreSubmitted")
    c.reqGlobalCancel()
    c.reached(trail, "Cancelled")


def books(c: Client, spy: Any) -> None:
    """Executions, completed and open orders, account, P&L."""
    account = sys.argv[4]
    c.ask("execDetailsEnd", c.reqExecutions, 9040, ExecutionFilter())
    c.ask("completedOrdersEnd", c.reqCompletedOrders, False)
    c.ask("openOrderEnd", c.reqOpenOrders)
    c.ask("openOrderEnd", c.reqAllOpenOrders)
    c.ask("accountDownloadEnd", c.reqAccountUpdates, True, account)
    c.ask("accountSummaryEnd", c.reqAccountSummary, 9041, "All", "NetLiquidation")
    c.reqPnL(9044, account, "")
    c.reqPnLSingle(9045, account, "", spy.conId)
    c.until("P&L", lambda: c.all("pnl") and c.all("pnlSingle"))


def main() -> None:
    """Run the script, connect again with the same id, print everything."""
    logging.basicConfig(level=logging.ERROR)  # whatever the library complains of, on stderr
    first = connected()
    script(first)
    first.disconnect()
    time.sleep(0.1)
    again = connected()
    again.ask("execDetailsEnd", again.reqExecutions, 9900, ExecutionFilter())
    again.disconnect()
    events = [*first.events, ("again",), *again.events]
    document = {"events": events, "complaints": first.complaints + again.complaints}
    json.dump(document, sys.stdout, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, set):
        return sorted(value)
    return {k: v for k, v in vars(value).items() if not k.startswith("_")}


if __name__ == "__main__":
    try:
        main()
    except TimeoutError as error:
        sys.stderr.write(f"{error}\n")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # the library's reader is no daemon
