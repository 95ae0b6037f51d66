// What ib-tws-api offers, at server version 151. Arguments: host port clientId account.
// Prints one JSON document: {events, complaints}; the answers of its calls are the events.
const { Client, Contract, Order } = await import(process.env.TWS_API);
const [host, port, clientId, account] = process.argv.slice(2);
console.log = () => {};  // the library names messages that it does not know, on stdout
const events = [];
const complaints = [];
const api = new Client({ host, port: Number(port), clientId: Number(clientId), timeoutMs: 8000 });
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function call(name, ...given) {
  const answer = await api[name](...given);
  events.push([name, answer]);
  return answer;
}

async function until(what, isSo) {
  for (let tries = 0; tries < 2000; tries++) {
    if (isSo()) return;
    await sleep(5);
  }
  throw new Error(`waited in vain for ${what}`);
}

async function stream(name, given, wanted) {
  const emitter = await api[name](given);
  const heard = [];
  for (const kind of ["tick", "tickByTick", "error"]) {
    emitter.on(kind, (one) => heard.push([kind, one]));
  }
  await until(name, () => heard.length >= wanted);
  emitter.stop();
  events.push([name, heard]);
}

async function script() {
  await call("getCurrentTime");
  api._emitter.on("orderStatus", (one) => events.push(["orderStatus", one]));
  await call("getPositions");
  const spy = Contract.stock("SPY");
  const details = await call("getContractDetails", spy);
  const found = details[0].contract;
  await api.getContractDetails(Contract.stock("NOSUCH")).then(
    () => complaints.push("NOSUCH was found"), (error) => events.push(["refused", String(error.message ?? error)]));
  await call("getSecDefOptParams", { contract: { ...found, exchange: "" } });
  await stream("streamMarketData", { contract: spy }, 3);
  await call("getMarketDataSnapshot", { contract: spy });
  await stream("streamTickByTickData",
    { contract: spy, tickType: "BidAsk", numberOfTicks: 0, ignoreSize: false }, 2);
  await call("getHistoricalData", { contract: spy, endDateTime: "", duration: "10 D",
    barSizeSetting: "1 day", whatToShow: "TRADES", useRth: 1, formatDate: 1 });
  await call("getHistoricalTicks", { contract: spy, startDateTime: "20261120 09:31:00",
    endDateTime: "", numberOfTicks: 10, whatToShow: "TRADES", useRth: 1, ignoreSize: false });
  await call("getHeadTimeStamp", { contract: spy, whatToShow: "TRADES", useRth: 1, formatDate: 1 });
  const bought = await call("placeOrder",
    { contract: spy, order: Order.market({ action: "BUY", totalQuantity: 100, account }) });
  await until("fill", () => events.some((one) =>
    one[0] === "orderStatus" && one[1].orderId === bought && one[1].status === "Filled"));
  const limit = await call("placeOrder",
    { contract: spy, order: Order.limit({ action: "BUY", totalQuantity: 5, lmtPrice: 100, account }) });
  await until("limit", () => events.some((one) =>
    one[0] === "orderStatus" && one[1].orderId === limit && one[1].status === "Submitted"));
  await call("getOpenOrders");
  await call("getAllOpenOrders");
  await call("cancelOrder", limit);
  await call("getPositions");
}

script().then(
  () => process.stdout.write(JSON.stringify({ events, complaints }), () => process.exit(0)),
  (error) => { process.stderr.write(`${error.stack ?? JSON.stringify(error)}\n`); process.exit(1); },
);
