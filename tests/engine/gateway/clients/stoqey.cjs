// The whole script with @stoqey/ib, which complains of every left-over and missing field.
// Arguments: host port clientId account. Prints one JSON document: {events, complaints}.
"use strict";
const { IBApi, EventName, SecType, OrderAction, OrderType, BarSizeSetting, WhatToShow,
        OptionType, TimeInForce } = require("@stoqey/ib");

const [host, port, clientId, account] = process.argv.slice(2);
const events = [];
const complaints = [];
const EXPECTED = new Set([200, 201, 202, 399]);
let ib;

function listen() {
  ib = new IBApi({ host, port: Number(port) });
  ib.on(EventName.all, (name, args) => {
    if (name === "received" || name === "sent" || name === "result") return;
    if (name === "error") {
      const [error, code, id] = args;
      if (!EXPECTED.has(code)) complaints.push(`${code} ${id} ${error.message}`);
      events.push(["error", id, code, error.message]);
    } else {
      events.push([name, ...args]);
    }
  });
}

const all = (name) => events.filter((one) => one[0] === name);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function until(what, isSo) {
  for (let tries = 0; tries < 4000; tries++) {
    if (isSo()) return;
    await sleep(5);
  }
  throw new Error(`waited in vain for ${what}; last: ${JSON.stringify(events.slice(-3))}`);
}

async function ask(answer, request) {
  const before = all(answer).length;
  request();
  await until(answer, () => all(answer).length > before);
  return all(answer).slice(before);
}

async function connect() {
  listen();
  const before = all("nextValidId").length;
  ib.connect(Number(clientId));
  await until("nextValidId", () => all("nextValidId").length > before);
  await until("managedAccounts", () => all("managedAccounts").length > 0);
  return all("nextValidId").at(-1)[1];
}

const stock = (symbol) =>
  ({ symbol, secType: SecType.STK, exchange: "SMART", currency: "USD" });
const status = (id) => (all("orderStatus").filter((one) => one[1] === id).at(-1) || [])[2];
const reached = (id, wanted) => until(`${id} ${wanted}`, () => status(id) === wanted);

async function script() {
  let next = await connect();
  await ask("positionEnd", () => ib.reqPositions());
  await ask("currentTime", () => ib.reqCurrentTime());
  await ask("contractDetailsEnd", () => ib.reqContractDetails(9001, stock("SPY")));
  const spy = all("contractDetails").at(-1)[2].contract;
  await ask("error", () => ib.reqContractDetails(9002, stock("NOSUCH")));
  const option = await chain(spy);
  await market(spy, option);
  await history(spy);
  await reference();
  await orders(spy, next);
  await books(spy);
  const before = all("nextValidId").length;
  ib.disconnect();
  await until("disconnected", () => all("disconnected").length > 0);
  await sleep(50);
  await connect();
  await ask("execDetailsEnd", () => ib.reqExecutions(9900, {}));
  ib.disconnect();
  await sleep(20);
  void before;
}

async function chain(spy) {
  await ask("securityDefinitionOptionParameterEnd", () =>
    ib.reqSecDefOptParams(9003, "SPY", "", SecType.STK, spy.conId));
  const row = all("securityDefinitionOptionParameter").find((one) => one[2] === "SMART");
  const strikes = row[7];
  const option = {
    symbol: "SPY", secType: SecType.OPT, exchange: "SMART", currency: "USD", right: OptionType.Call,
    lastTradeDateOrContractMonth: row[6][5], strike: strikes[Math.floor(strikes.length / 2)],
  };
  await ask("contractDetailsEnd", () => ib.reqContractDetails(9004, option));
  return all("contractDetails").at(-1)[2].contract;
}

async function market(spy, option) {
  ib.reqMktData(9010, spy, "", false, false);
  ib.reqMktData(9011, option, "", false, false);
  await until("bid", () => all("tickPrice").some((one) => one[1] === 9010 && one[2] === 1));
  await until("model", () => all("tickOptionComputation").some((one) => one[2] === 13));
  ib.cancelMktData(9010);
  ib.cancelMktData(9011);
  await ask("tickSnapshotEnd", () => ib.reqMktData(9012, spy, "", true, false));
  for (const [r, kind] of [[9013, "Last"], [9014, "BidAsk"], [9015, "MidPoint"]]) {
    ib.reqTickByTickData(r, spy, kind, 0, false);
  }
  await until("ticks", () => all("tickByTickAllLast").length && all("tickByTickBidAsk").length
    && all("tickByTickMidPoint").length);
  for (const r of [9013, 9014, 9015]) ib.cancelTickByTickData(r);
  ib.reqRealTimeBars(9016, spy, 5, WhatToShow.TRADES, true);
  await until("bar", () => all("realtimeBar").length > 0);
  ib.cancelRealTimeBars(9016);
  await ask("tickOptionComputation", () => ib.calculateOptionPrice(9017, option, 0.2, 600));
}

async function history(spy) {
  const ended = (r) => () =>
    all("historicalData").some((one) => one[1] === r && String(one[2]).startsWith("finished"));
  ib.reqHistoricalData(9020, spy, "", "10 D", BarSizeSetting.DAYS_ONE, WhatToShow.TRADES, 1, 1,
    false);
  await until("days", ended(9020));
  ib.reqHistoricalData(9021, spy, "", "1800 S", BarSizeSetting.MINUTES_ONE, WhatToShow.TRADES, 1,
    2, true);
  await until("minutes", ended(9021));
  await until("update", () => all("historicalDataUpdate").length > 0);
  ib.cancelHistoricalData(9021);
  await ask("headTimestamp", () =>
    ib.reqHeadTimestamp(9022, spy, WhatToShow.TRADES, true, 1));
  for (const [r, what, answer] of [
    [9023, "TRADES", "historicalTicksLast"], [9024, "BID_ASK", "historicalTicksBidAsk"],
    [9025, "MIDPOINT", "historicalTicks"],
  ]) {
    await ask(answer, () =>
      ib.reqHistoricalTicks(r, spy, "20261120 09:31:00 US/Eastern", "", 20, what, 1, false));
  }
  await ask("histogramData", () => ib.reqHistogramData(9026, spy, true, 3, "days"));
}

async function reference() {
  await ask("symbolSamples", () => ib.reqMatchingSymbols(9030, "SP"));
  await ask("marketRule", () => ib.reqMarketRule(26));
  await ask("familyCodes", () => ib.reqFamilyCodes());
  await ask("mktDepthExchanges", () => ib.reqMktDepthExchanges());
  await ask("newsProviders", () => ib.reqNewsProviders());
  await ask("softDollarTiers", () => ib.reqSoftDollarTiers(9031));
  await ask("smartComponents", () => ib.reqSmartComponents(9032, "9c0001"));
  await ask("managedAccounts", () => ib.reqManagedAccts());
}

const plain = (action, quantity, type, more) => ({
  action, totalQuantity: quantity, orderType: type, tif: TimeInForce.DAY, account,
  transmit: true, ...more,
});

async function orders(spy, next) {
  const what = next++;
  ib.placeOrder(what, spy, plain(OrderAction.BUY, 100, OrderType.MKT, { whatIf: true }));
  await until("what-if", () => all("openOrder").some((one) => one[1] === what));
  const market = next++;
  ib.placeOrder(market, spy, plain(OrderAction.BUY, 100, OrderType.MKT, { orderRef: "JS-1" }));
  await reached(market, "Filled");
  await until("commissions", () => all("commissionReport").length >= 2);
  const limit = next++;
  ib.placeOrder(limit, spy, plain(OrderAction.BUY, 10, OrderType.LMT, { lmtPrice: 100 }));
  await reached(limit, "Submitted");
  ib.placeOrder(limit, spy, plain(OrderAction.BUY, 10, OrderType.LMT, { lmtPrice: 101 }));
  await until("change", () =>
    all("openOrder").some((one) => one[1] === limit && one[3].lmtPrice === 101));
  ib.cancelOrder(limit);
  await reached(limit, "Cancelled");
  ib.placeOrder(next++, spy, plain(OrderAction.BUY, 1000000, OrderType.LMT, { lmtPrice: 400 }));
  await until("201", () => all("error").some((one) => one[2] === 201));
  const ask_ = all("tickPrice").filter((one) => one[2] === 2).at(-1)[3];
  const [parent, profit, stop] = [next++, next++, next++];
  ib.placeOrder(parent, spy, plain(OrderAction.BUY, 20, OrderType.LMT,
    { lmtPrice: Math.round(ask_ + 5), transmit: false }));
  ib.placeOrder(profit, spy, plain(OrderAction.SELL, 20, OrderType.LMT,
    { lmtPrice: Math.round(ask_ + 50), parentId: parent, transmit: false }));
  ib.placeOrder(stop, spy, plain(OrderAction.SELL, 20, OrderType.STP,
    { auxPrice: Math.round(ask_ - 50), parentId: parent }));
  await reached(parent, "Filled");
  await reached(profit, "Submitted");
  ib.cancelOrder(profit);
  await reached(profit, "Cancelled");
  ib.cancelOrder(stop);
  await reached(stop, "Cancelled");
  const [low, high] = [next++, next++];
  const group = { ocaGroup: "js", ocaType: 1 };
  ib.placeOrder(low, spy, plain(OrderAction.BUY, 5, OrderType.LMT, { lmtPrice: 50, ...group }));
  ib.placeOrder(high, spy, plain(OrderAction.BUY, 5, OrderType.LMT,
    { lmtPrice: Math.round(ask_ + 5), ...group }));
  await reached(high, "Filled");
  await reached(low, "Cancelled");
  const trail = next++;
  ib.placeOrder(trail, spy, plain(OrderAction.SELL, 5, OrderType.TRAIL, { trailingPercent: 5 }));
  await reached(trail, "PreSubmitted");
  ib.reqGlobalCancel();
  await reached(trail, "Cancelled");
}

async function books(spy) {
  await ask("execDetailsEnd", () => ib.reqExecutions(9040, {}));
  await ask("completedOrdersEnd", () => ib.reqCompletedOrders(false));
  await ask("openOrderEnd", () => ib.reqOpenOrders());
  await ask("openOrderEnd", () => ib.reqAllOpenOrders());
  await ask("accountDownloadEnd", () => ib.reqAccountUpdates(true, account));
  await ask("accountSummaryEnd", () => ib.reqAccountSummary(9041, "All", "NetLiquidation"));
  await ask("positionMultiEnd", () => ib.reqPositionsMulti(9042, account, ""));
  await ask("accountUpdateMultiEnd", () => ib.reqAccountUpdatesMulti(9043, account, "", true));
  ib.reqPnL(9044, account, "");
  ib.reqPnLSingle(9045, account, "", spy.conId);
  await until("P&L", () => all("pnl").length && all("pnlSingle").length);
  ib.cancelPnL(9044);
  ib.cancelPnLSingle(9045);
}

script().then(
  () => process.stdout.write(JSON.stringify({ events, complaints }), () => process.exit(0)),
  (error) => { process.stderr.write(`${error.stack}\n${complaints.join("\n")}\n`); process.exit(1); },
);
