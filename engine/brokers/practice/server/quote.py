"""Requests about the market: quotes, bars, ticks, history, option computations."""

from typing import Any

from engine.brokers.practice.clock import parse_instant
from engine.brokers.practice.model import (
    Bar,
    BidAskTick,
    Contract,
    DataType,
    HistoryAsk,
    Item,
    Kind,
    MidTick,
    OptionTick,
    Pnl,
    Refusal,
    Schedule,
    Subscription,
    TickPrice,
    TickSize,
    TickText,
    TickValue,
    TradeTick,
)
from engine.brokers.practice.server.session import Session, Stream
from engine.brokers.practice.server.translate import bar_words, contract_of

Given = dict[str, Any]
Words = dict[str, Any]

WHATS = frozenset({"TRADES", "MIDPOINT", "BID", "ASK", "BID_ASK", "ADJUSTED_LAST", "SCHEDULE"})
TICK_KINDS = {"Last": 1, "AllLast": 2, "BidAsk": 3, "MidPoint": 4}
SCHEDULE_FROM = 165


# -- streams -------------------------------------------------------------------------------


def quotes(session: Session, given: Given) -> None:
    """reqMktData: parameters, kind of data, ticks; a snapshot has an end."""
    r = given["r"] or 0
    contract = _qualified(session, r, contract_of(given))
    if contract is None:
        return
    if given["snapshot"] or given["regulatorySnapshot"]:
        _tell_parameters(session, r, contract)
        stream = Stream(kind=Kind.QUOTES, contract=contract)
        for item in session.venue.snapshot(contract, session.data_type):
            show(session, r, stream, item)
        session.tell("tickSnapshotEnd", r=r)
        return
    wanted = Subscription(
        key=(session.client_id, r),
        kind=Kind.QUOTES,
        contract=contract,
        generic_ticks=given["genericTicks"],
        data_type=session.data_type,
    )
    if _open(session, r, wanted):
        _tell_parameters(session, r, contract)


def _tell_parameters(session: Session, r: int, contract: Contract) -> None:
    details = session.venue.details(contract)
    tick = details[0].min_tick if details else 0
    session.tell("tickReqParams", r=r, minTick=tick, bboExchange="9c0001", permissions=3)


def live_bars(session: Session, given: Given) -> None:
    """reqRealTimeBars: one each five seconds."""
    r = given["r"] or 0
    contract = _qualified(session, r, contract_of(given))
    if contract is None:
        return
    if given["what"] not in ("TRADES", "MIDPOINT", "BID", "ASK"):
        session.error(r, 321, f"Error validating request: whatToShow '{given['what']}'")
        return
    wanted = Subscription(
        key=(session.client_id, r),
        kind=Kind.BARS_5S,
        contract=contract,
        what=given["what"],
        use_rth=given["useRTH"],
    )
    _open(session, r, wanted)


def ticks(session: Session, given: Given) -> None:
    """reqTickByTickData."""
    r = given["r"] or 0
    if given["tickType"] not in TICK_KINDS:
        session.error(r, 321, f"Error validating request: tick type '{given['tickType']}'")
        return
    contract = _qualified(session, r, contract_of(given))
    if contract is None:
        return
    wanted = Subscription(
        key=(session.client_id, r), kind=Kind.TICKS, contract=contract, what=given["tickType"]
    )
    _open(session, r, wanted)


def _open(session: Session, r: int, wanted: Subscription, format_date: int = 1) -> bool:
    refusal = session.venue.subscribe(wanted)
    if refusal is not None:
        session.refuse(r, refusal)
        return False
    session.streams[r] = Stream(
        kind=wanted.kind, contract=wanted.contract, what=wanted.what, format_date=format_date
    )
    return True


def close(session: Session, given: Given) -> None:
    """Every message that ends a stream."""
    r = given["r"] or 0
    session.streams.pop(r, None)
    if not session.venue.unsubscribe((session.client_id, r)):
        session.error(r, 300, f"Can't find EId with tickerId:{r}")


def close_quietly(session: Session, given: Given) -> None:
    """Messages that end what may have ended by itself."""
    r = given["r"] or 0
    session.streams.pop(r, None)
    session.venue.unsubscribe((session.client_id, r))


def data_type(session: Session, given: Given) -> None:
    """reqMarketDataType: for the requests that follow."""
    if given["type"] in (1, 2, 3, 4):
        session.data_type = given["type"]
    else:
        session.error(-1, 321, f"Error validating request: market data type {given['type']}")


def depth(session: Session, given: Given) -> None:
    """reqMktDepth: not subscribed."""
    session.error(
        given["r"] or 0,
        354,
        "Requested market data is not subscribed. Market depth is not offered.",
    )


# -- what a stream brings ------------------------------------------------------------------


def show(session: Session, r: int, stream: Stream, item: Item) -> None:
    """Send one item of a stream."""
    match item:
        case TickPrice(type=kind, price=price, size=size, mask=mask):
            session.tell("tickPrice", r=r, type=kind, price=price, size=size, mask=mask)
        case TickSize(type=kind, size=size):
            session.tell("tickSize", r=r, type=kind, size=size)
        case TickValue(type=kind, value=value):
            session.tell("tickGeneric", r=r, type=kind, value=value)
        case TickText(type=kind, value=text):
            session.tell("tickString", r=r, type=kind, text=text)
        case OptionTick():
            session.send("optionComputation", option_words(item) | {"r": r})
        case DataType(type=kind):
            session.tell("marketDataType", r=r, type=kind)
        case Bar():
            _show_bar(session, r, stream, item)
        case Pnl():
            _show_pnl(session, r, item)
        case TradeTick() | BidAskTick() | MidTick():
            words = tick_words(item) | {"r": r, "kind": TICK_KINDS.get(stream.what, 4)}
            session.send("tickByTick", words)


def _show_bar(session: Session, r: int, stream: Stream, bar: Bar) -> None:
    words = bar_words(bar, session.version, stream.format_date) | {"r": r}
    if stream.kind is Kind.BARS_5S:
        session.send("realTimeBar", words | {"time": int(bar.at.timestamp())})
    else:
        session.send("historicalDataUpdate", words)


def _show_pnl(session: Session, r: int, pnl: Pnl) -> None:
    words = {"r": r, "daily": pnl.daily, "unrealized": pnl.unrealized, "realized": pnl.realized}
    if pnl.position is None:
        session.send("pnl", words)
    else:
        session.send("pnlSingle", words | {"position": pnl.position, "value": pnl.value})


def option_words(tick: OptionTick) -> Words:
    """Return the fields of an option computation."""
    return {
        "type": tick.type,
        "attrib": tick.attrib,
        "impliedVol": tick.implied_vol,
        "delta": tick.delta,
        "optPrice": tick.price,
        "pvDividend": tick.pv_dividend,
        "gamma": tick.gamma,
        "vega": tick.vega,
        "theta": tick.theta,
        "undPrice": tick.und_price,
    }


def tick_words(tick: TradeTick | BidAskTick | MidTick, *, is_past: bool = False) -> Words:
    """Return the fields of a tick; the two masks of a quote are swapped in past ticks."""
    words: Words = {"time": int(tick.at.timestamp())}
    match tick:
        case TradeTick():
            return words | {
                "price": tick.price,
                "size": tick.size,
                "mask": tick.mask,
                "exchange": tick.exchange,
                "conditions": tick.conditions,
            }
        case BidAskTick():
            low, high = (2, 1) if is_past else (1, 2)
            return words | {
                "bid": tick.bid,
                "ask": tick.ask,
                "bidSize": tick.bid_size,
                "askSize": tick.ask_size,
                "mask": low * tick.bid_past_low + high * tick.ask_past_high,
            }
        case MidTick():
            return words | {"mid": tick.price, "price": tick.price, "size": tick.size}


# -- history -------------------------------------------------------------------------------


def history(session: Session, given: Given) -> None:
    """reqHistoricalData: bars, or sessions; bars may be kept up to date."""
    r = given["r"] or 0
    contract = _qualified(session, r, contract_of(given))
    if contract is None:
        return
    what = given["what"].upper()
    if what not in WHATS or (what == "SCHEDULE" and session.version < SCHEDULE_FROM):
        session.error(r, 321, f"Error validating request: whatToShow '{given['what']}'")
        return
    if given["end"] and (given["keepUpToDate"] or what == "ADJUSTED_LAST"):
        session.error(r, 321, "Error validating request: end time must be empty")
        return
    try:
        end = parse_instant(given["end"])
    except ValueError as error:
        session.error(r, 321, f"Error validating request: end time: {error}")
        return
    ask = HistoryAsk(
        contract=contract,
        end=end,
        bar_size=given["barSize"],
        duration=given["duration"],
        use_rth=given["useRTH"],
        what=what,
        client_id=session.client_id,
    )
    if what == "SCHEDULE":
        _schedule(session, r, ask)
    else:
        _bars(session, r, ask, given)


def _bars(session: Session, r: int, ask: HistoryAsk, given: Given) -> None:
    found = session.venue.history(ask)
    if isinstance(found, Refusal):
        session.refuse(r, found)
        return
    format_date = given["formatDate"] or 1
    session.tell(
        "historicalData",
        r=r,
        start=session.clock(found.start),
        end=session.clock(found.end),
        bars=[bar_words(bar, session.version, format_date) for bar in found.bars],
    )
    if given["keepUpToDate"]:
        wanted = Subscription(
            key=(session.client_id, r),
            kind=Kind.KEEP_UP,
            contract=ask.contract,
            what=ask.what,
            use_rth=ask.use_rth,
            bar_size=ask.bar_size,
        )
        _open(session, r, wanted, format_date)


def _schedule(session: Session, r: int, ask: HistoryAsk) -> None:
    found = session.venue.schedule(ask)
    if isinstance(found, Refusal):
        session.refuse(r, found)
        return
    form = "%Y%m%d-%H:%M:%S"
    local = _to_zone(found)
    session.tell(
        "historicalSchedule",
        r=r,
        start=f"{local(found.start):{form}}",
        end=f"{local(found.end):{form}}",
        zone=found.zone,
        sessions=[
            {
                "start": f"{local(start):{form}}",
                "end": f"{local(end):{form}}",
                "refDate": f"{day:%Y%m%d}",
            }
            for start, end, day in found.sessions
        ],
    )


def _to_zone(schedule: Schedule) -> Any:
    from zoneinfo import ZoneInfo

    zone = ZoneInfo(schedule.zone)
    return lambda at: at.astimezone(zone)


def head(session: Session, given: Given) -> None:
    """reqHeadTimestamp: where history begins."""
    r = given["r"] or 0
    contract = _qualified(session, r, contract_of(given))
    if contract is None:
        return
    found = session.venue.head(contract, given["what"])
    if isinstance(found, Refusal):
        session.refuse(r, found)
        return
    is_epoch = given["formatDate"] == 2
    session.tell(
        "headTimestamp",
        r=r,
        time=str(int(found.timestamp())) if is_epoch else session.clock(found),
    )


def histogram(session: Session, given: Given) -> None:
    """reqHistogramData."""
    r = given["r"] or 0
    contract = _qualified(session, r, contract_of(given))
    if contract is None:
        return
    found = session.venue.histogram(contract, given["period"], use_rth=given["useRTH"])
    if isinstance(found, Refusal):
        session.refuse(r, found)
        return
    rows = [{"price": price, "size": size} for price, size in found]
    session.tell("histogramData", r=r, rows=rows)


PAST = {
    "TRADES": "historicalTicksLast",
    "BID_ASK": "historicalTicksBidAsk",
    "MIDPOINT": "historicalTicks",
}


def past_ticks(session: Session, given: Given) -> None:
    """reqHistoricalTicks."""
    r = given["r"] or 0
    contract = _qualified(session, r, contract_of(given))
    if contract is None:
        return
    what = given["what"].upper()
    if what not in PAST:
        session.error(r, 321, f"Error validating request: whatToShow '{given['what']}'")
        return
    try:
        start, end = parse_instant(given["start"]), parse_instant(given["end"])
    except ValueError as error:
        session.error(r, 321, f"Error validating request: time: {error}")
        return
    found = session.venue.past_ticks(contract, start, end, given["n"] or 1, what)
    if isinstance(found, Refusal):
        session.refuse(r, found)
        return
    words = [tick_words(tick, is_past=True) for tick in found]
    session.tell(PAST[what], r=r, ticks=words, done=True)


# -- options -------------------------------------------------------------------------------


def option_by_price(session: Session, given: Given) -> None:
    """calculateImpliedVolatility."""
    _compute(session, given, "price")


def option_by_volatility(session: Session, given: Given) -> None:
    """calculateOptionPrice."""
    _compute(session, given, "volatility")


def _compute(session: Session, given: Given, known: str) -> None:
    r = given["r"] or 0
    contract = _qualified(session, r, contract_of(given))
    if contract is None:
        return
    value, under = float(given[known] or 0), float(given["underPrice"] or 0)
    venue = session.venue
    compute = venue.option_by_price if known == "price" else venue.option_by_volatility
    found = compute(contract, value, under)
    if isinstance(found, Refusal):
        session.refuse(r, found)
    else:
        session.send("optionComputation", option_words(found) | {"r": r})


def _qualified(session: Session, r: int, contract: Contract) -> Contract | None:
    found = session.venue.qualify(contract)
    if isinstance(found, Refusal):
        session.refuse(r, found)
        return None
    return found


HANDLERS = {
    "reqMktData": quotes,
    "cancelMktData": close,
    "reqRealTimeBars": live_bars,
    "cancelRealTimeBars": close,
    "reqTickByTickData": ticks,
    "cancelTickByTickData": close,
    "cancelHistoricalData": close_quietly,
    "cancelPnL": close,
    "cancelPnLSingle": close,
    "reqMarketDataType": data_type,
    "reqMktDepth": depth,
    "reqHistoricalData": history,
    "reqHeadTimestamp": head,
    "reqHistogramData": histogram,
    "reqHistoricalTicks": past_ticks,
    "calculateImpliedVolatility": option_by_price,
    "calculateOptionPrice": option_by_volatility,
}
