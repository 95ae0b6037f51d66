"""The strict reader of every message of the server; see strict_fields for its rules."""

from collections.abc import Callable

from tests.engine.gateway.strict_fields import Amiss, Fields, Found, contract, tag
from tests.engine.gateway.strict_orders import completed_order, open_order


def tick_price(f: Fields) -> Found:
    return {
        "v": f.id(), "r": f.id(), "type": f.id(), "price": f.price_or_unset(), "size": f.price(),
        "mask": f.id(),
    }  # fmt: skip


def tick_size(f: Fields) -> Found:
    return {"v": f.id(), "r": f.id(), "type": f.id(), "size": f.price()}


def tick_generic(f: Fields) -> Found:
    return {"v": f.id(), "r": f.id(), "type": f.id(), "value": f.price()}


def tick_string(f: Fields) -> Found:
    return {"v": f.id(), "r": f.id(), "type": f.id(), "text": f.text()}


def order_status(f: Fields) -> Found:
    return {
        "orderId": f.id(), "status": f.text(), "filled": f.price(), "remaining": f.price(),
        "avgFillPrice": f.price(), "permId": f.id(), "parentId": f.id(),
        "lastFillPrice": f.price(), "clientId": f.id(), "whyHeld": f.text(),
        "mktCapPrice": f.price(),
    }  # fmt: skip


def error(f: Fields) -> Found:
    found: Found = {"v": f.id(), "id": f.id(), "code": f.id(), "text": f.text()}
    if f.version >= 166:
        found["advancedOrderRejectJson"] = f.text()
    return found


def account_value(f: Fields) -> Found:
    return {"v": f.id(), **f.words("key value currency account")}


def portfolio(f: Fields) -> Found:
    found: Found = {"v": f.id(), **contract(f, primary=True)}
    found.update(f.prices("position marketPrice marketValue averageCost unrealizedPNL realizedPNL"))
    found["account"] = f.text()
    return found


def contract_details(f: Fields) -> Found:
    found: Found = {}
    if f.version < 164:
        found["v"] = f.id()
    found["r"] = f.id()
    found.update(f.words("symbol secType expiry"))
    found["strike"] = f.price()
    found.update(f.words("right exchange currency localSymbol marketName tradingClass"))
    found["conId"] = f.id()
    found["minTick"] = f.price()
    if f.version < 164:
        found["mdSizeMultiplier"] = f.id()
    found.update(f.words("multiplier orderTypes validExchanges"))
    found["priceMagnifier"] = f.id()
    found["underConId"] = f.id()
    found.update(f.words("longName primaryExchange contractMonth industry category subcategory"))
    found.update(f.words("timeZoneId tradingHours liquidHours evRule"))
    found["evMultiplier"] = f.price()
    found["secIds"] = f.rows(tag)
    found["aggGroup"] = f.id()
    found.update(f.words("underSymbol underSecType marketRuleIds realExpirationDate"))
    if f.version >= 152:
        found["stockType"] = f.text()
    if f.version == 163:
        found["sizeMinTick"] = f.price()
    if f.version >= 164:
        found.update(f.prices("minSize sizeIncrement suggestedSizeIncrement"))
    return found


def execution(f: Fields) -> Found:
    found: Found = {"r": f.id(), "orderId": f.id(), **contract(f)}
    found.update(f.words("execId time acctNumber execExchange side"))
    found.update(shares=f.price(), price=f.price(), permId=f.id(), clientId=f.id())
    found.update(liquidation=f.id(), cumQty=f.price(), avgPrice=f.price())
    found.update(f.words("orderRef evRule"))
    found["evMultiplier"] = f.price_or_none()
    found["modelCode"] = f.text()
    found["lastLiquidity"] = f.id()
    if f.version >= 178:
        found["pendingPriceRevision"] = f.flag()
    return found


def historical_data(f: Fields) -> Found:
    def bar(g: Fields) -> Found:
        return {"date": g.text(), **g.prices("open high low close volume wap count")}

    return {"r": f.id(), "start": f.text(), "end": f.text(), "bars": f.rows(bar)}


def historical_data_update(f: Fields) -> Found:
    found: Found = {"r": f.id(), "count": f.price(), "date": f.text()}
    found.update(f.prices("open close high low wap volume"))
    return found


def option_computation(f: Fields) -> Found:
    found: Found = {}
    if f.version < 156:
        found["v"] = f.id()
    found["r"] = f.id()
    found["type"] = f.id()
    if f.version >= 156:
        found["attrib"] = f.id()
    found.update(f.prices("impliedVol delta optPrice pvDividend gamma vega theta undPrice"))
    return found


def real_time_bar(f: Fields) -> Found:
    found: Found = {"v": f.id(), "r": f.id(), "time": f.id()}
    found.update(f.prices("open high low close volume wap count"))
    return found


def commission(f: Fields) -> Found:
    return {
        "v": f.id(), "execId": f.text(), "commission": f.price(), "currency": f.text(),
        "realizedPNL": f.price_or_unset(), "yield": f.price_or_unset(),
        "yieldRedemptionDate": f.text(),
    }  # fmt: skip


def position(f: Fields) -> Found:
    v = f.id()
    account = f.text()
    return {
        "v": v, "account": account, **contract(f), "position": f.price(), "avgCost": f.price()
    }  # fmt: skip


def position_multi(f: Fields) -> Found:
    found: Found = {"v": f.id(), "r": f.id(), "account": f.text(), **contract(f)}
    found.update(position=f.price(), avgCost=f.price(), modelCode=f.text())
    return found


def chain(f: Fields) -> Found:
    return {
        "r": f.id(), "exchange": f.text(), "underConId": f.id(), "tradingClass": f.text(),
        "multiplier": f.text(), "expirations": f.rows(Fields.text),
        "strikes": f.rows(Fields.price),
    }  # fmt: skip


def symbol_samples(f: Fields) -> Found:
    def sample(g: Fields) -> Found:
        found: Found = {"conId": g.id()}
        found.update(g.words("symbol secType primaryExchange currency"))
        found["types"] = g.rows(Fields.text)
        if g.version >= 176:
            found.update(g.words("description issuerId"))
        return found

    return {"r": f.id(), "samples": f.rows(sample)}


def depth_exchanges(f: Fields) -> Found:
    def one(g: Fields) -> Found:
        return {**g.words("exchange secType listing service"), "aggGroup": g.id()}

    return {"exchanges": f.rows(one)}


def past_quotes(f: Fields) -> Found:
    def one(g: Fields) -> Found:
        found: Found = {"time": g.id(), "mask": g.id()}
        return found | g.prices("bid ask bidSize askSize")

    return {"r": f.id(), "ticks": f.rows(one), "done": f.flag()}


def past_trades(f: Fields) -> Found:
    def one(g: Fields) -> Found:
        found: Found = {"time": g.id(), "mask": g.id(), "price": g.price(), "size": g.price()}
        return found | g.words("exchange conditions")

    return {"r": f.id(), "ticks": f.rows(one), "done": f.flag()}


def past_middles(f: Fields) -> Found:
    def one(g: Fields) -> Found:
        return {"time": g.id(), "zero": g.id(), "price": g.price(), "size": g.price()}

    return {"r": f.id(), "ticks": f.rows(one), "done": f.flag()}


def tick_by_tick(f: Fields) -> Found:
    found: Found = {"r": f.id(), "kind": f.id(), "time": f.id()}
    if found["kind"] in (1, 2):
        found.update(price=f.price(), size=f.price(), mask=f.id())
        found.update(f.words("exchange conditions"))
    elif found["kind"] == 3:
        found.update(f.prices("bid ask bidSize askSize"))
        found["mask"] = f.id()
    elif found["kind"] == 4:
        found["mid"] = f.price()
    else:
        raise Amiss(f"kind {found['kind']}")
    return found


def schedule(f: Fields) -> Found:
    def one(g: Fields) -> Found:
        return g.words("start end refDate")

    found: Found = {"r": f.id(), **f.words("start end zone")}
    return found | {"sessions": f.rows(one)}


def profit(f: Fields) -> Found:
    return {"r": f.id(), **f.unset_prices("daily unrealized realized")}


def profit_single(f: Fields) -> Found:
    found: Found = {"r": f.id(), "position": f.price()}
    found.update(f.unset_prices("daily unrealized realized value"))
    return found


def _steps(name: str, *numbers: str) -> Callable[[Fields], Found]:
    """An id and rows of numbers."""

    def read(f: Fields) -> Found:
        first = "ruleId" if name == "rules" else "r"
        found = f.id()
        return {first: found, name: f.rows(lambda g: {word: g.price() for word in numbers})}

    return read


def _rows(name: str, words: str, *, r: bool) -> Callable[[Fields], Found]:
    def read(f: Fields) -> Found:
        found: Found = {"r": f.id()} if r else {}
        return found | {name: f.rows(lambda g: g.words(words))}

    return read


def _smart(f: Fields) -> Found:
    return {
        "r": f.id(),
        "components": f.rows(lambda g: {"bit": g.id(), **g.words("exchange letter")}),
    }


def _flat(ids: str, words: str = "") -> Callable[[Fields], Found]:
    """Integers, then texts."""

    def read(f: Fields) -> Found:
        return {name: f.id() for name in ids.split()} | f.words(words)

    return read


READERS: dict[int, Callable[[Fields], Found]] = {
    1: tick_price, 2: tick_size, 3: order_status, 4: error, 5: open_order, 6: account_value,
    7: portfolio, 8: _flat("v", "time"), 9: _flat("v id"), 10: contract_details, 11: execution,
    15: _flat("v", "accounts"), 17: historical_data, 21: option_computation, 45: tick_generic,
    46: tick_string, 49: _flat("v time"), 50: real_time_bar, 52: _flat("v r"), 53: _flat("v"),
    54: _flat("v", "account"), 55: _flat("v r"), 57: _flat("v r"), 58: _flat("v r type"),
    59: commission, 61: position, 62: _flat("v"), 63: _flat("v r", "account tag value currency"),
    64: _flat("v r"), 67: _flat("v r", "groups"), 71: position_multi, 72: _flat("v r"),
    73: _flat("v r", "account model key value currency"), 74: _flat("v r"), 75: chain,
    76: _flat("r"), 77: _rows("tiers", "name value display", r=True),
    78: _rows("codes", "account code", r=False), 79: symbol_samples, 80: depth_exchanges,
    81: lambda f: {
        "r": f.id(), "minTick": f.price(), "bboExchange": f.text(), "permissions": f.id()
    },
    82: _smart, 85: _rows("providers", "code name", r=False), 88: _flat("r", "time"),
    89: _steps("rows", "price", "size"), 90: historical_data_update,
    93: _steps("rules", "lowEdge", "increment"), 94: profit, 95: profit_single, 96: past_middles,
    97: past_quotes, 98: past_trades, 99: tick_by_tick, 100: _flat("permId clientId orderId"),
    101: completed_order, 102: _flat(""), 106: schedule, 107: _flat("r", "text"),
}  # fmt: skip

VERSION_FIELDS = {
    1: 6, 2: 6, 4: 2, 6: 2, 7: 8, 8: 1, 9: 1, 10: 8, 15: 1, 21: 6, 45: 6, 46: 6, 49: 1, 50: 3,
    52: 1, 53: 1, 54: 1, 55: 1, 57: 1, 58: 1, 59: 1, 61: 3, 62: 1, 63: 1, 64: 1, 67: 1, 71: 1,
    72: 1, 73: 1, 74: 1,
}  # fmt: skip


def strict(payload: bytes, version: int) -> tuple[int, Found]:
    """Read one message of the server; Amiss for anything that is not as described."""
    fields = Fields(payload, version)
    number = fields.id()
    if number not in READERS:
        raise Amiss(f"no message {number}")
    found = READERS[number](fields)
    fields.end()
    if "v" in found and found["v"] != VERSION_FIELDS[number]:
        raise Amiss(f"version field {found['v']} of message {number}")
    return number, found
