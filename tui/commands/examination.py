"""What doctor asks a broker's gateway, over a plain socket, and what to do about each answer."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from engine.brokers.plain import ERROR, PlainClient, code_of, connected
from engine.errors import BrokerUnreachable
from engine.runtime.clock import SystemClock

if TYPE_CHECKING:
    from engine.settings.model import Settings

OK, NOTE, LOOK, BAD = "ok", "note", "look", "BAD"
ANSWER_S = 4.0
VERSION_LEAST = 157
GATEWAY_LIMIT = 50
OFFSET_WARN_S, OFFSET_BAD_S = 1.0, 5.0
_ACCOUNTS, _TIME, _LISTED, _DATA_TYPE = "15", "49", "53", "58"
_TYPES = {1: "live", 2: "frozen", 3: "delayed", 4: "delayed and frozen"}
_NO_DATA = (200, 354, 10089, 10090, 10091, 10168, 10186, 10197)
_SPY = {
    "conId": 756733, "symbol": "SPY", "secType": "STK", "exchange": "SMART", "currency": "USD"
}  # fmt: skip


class Seen(NamedTuple):
    """One thing looked at."""

    item: str
    verdict: str
    text: str


def examined(settings: "Settings") -> Iterator[Seen]:
    """Yield what is to be known about the gateway of these settings; only loopback or network."""
    ibkr = settings.ibkr
    yield from _own(settings)
    if ibkr.port is None:
        yield Seen("broker", BAD, "ibkr.port is not set: 4002 by custom for a paper IB Gateway")
        return
    first: list[list[str]] = []
    tried: list[str] = []
    try:
        with connected(
            ibkr.host, ibkr.port, ibkr.client_id + 2, tell=tried.append, hear=first.append
        ) as line:
            where = f"{line.where} answers"
            held = "; ".join(tried)
            yield Seen("broker", LOOK if tried else OK, f"{where}; {held}" if held else where)
            yield _version(line)
            yield from _account(settings, line, first)
            yield _access(line)
            yield _data(settings, line)
            yield _clock(settings, line)
    except BrokerUnreachable as error:
        yield Seen(
            "broker",
            BAD,
            f"{error}. Start TWS or IB Gateway, tick 'Enable ActiveX and Socket Clients' in its API"
            " settings, and compare the socket port there with ibkr.port",
        )


def _own(settings: "Settings") -> Iterator[Seen]:
    from engine.brokers.ibkr.terms import ZONES, missing_zones

    lacking = missing_zones((*ZONES, settings.ibkr.tws_zone))
    if lacking:
        text = f"{', '.join(lacking)} cannot be loaded: install tzdata, else executions are lost"
        yield Seen("broker time zones", BAD, text)
    else:
        yield Seen("broker time zones", OK, f"{len(ZONES)} and {settings.ibkr.tws_zone} load")
    limit = settings.ibkr.message_limit
    text = f"{limit} messages a second on each connection, the gateway takes {GATEWAY_LIMIT}"
    yield Seen("broker messages", OK, text)  # the settings allow no more


def _version(line: PlainClient) -> Seen:
    if line.version < VERSION_LEAST:
        text = f"{line.version}; {VERSION_LEAST} is needed: install a current TWS or IB Gateway"
        return Seen("broker version", BAD, text)
    return Seen("broker version", OK, str(line.version))


def _account(settings: "Settings", line: PlainClient, first: list[list[str]]) -> Iterator[Seen]:
    from engine.brokers.ibkr.link import gate
    from engine.domain.session import Mode

    said = next((fields[2] for fields in first if fields[0] == _ACCOUNTS), "")
    managed = [name for name in said.split(",") if name]
    account, mode = settings.ibkr.account, settings.run.mode
    if account is None:
        text = f"ibkr.account is not set; this login manages {', '.join(managed)}"
        yield Seen("broker account", BAD, text)
        return
    is_there = account in managed
    text = f"{account}, this login manages {', '.join(managed)}"
    advice = "" if is_there else ": set ibkr.account to one of them, or log in with the other user"
    yield Seen("broker account", OK if is_there else BAD, text + advice)
    if mode not in (Mode.PAPER, Mode.LIVE):
        yield Seen("broker mode", NOTE, f"mode is {mode.value}: no order goes to a broker")
        return
    wrong = gate(live=mode is Mode.LIVE, account=account, managed=[account])
    text = f"{mode.value} and {account} agree" if wrong is None else f"{wrong[1]}: change one"
    yield Seen("broker mode", OK if wrong is None else BAD, text)


def _answer(
    line: PlainClient, kinds: tuple[str, ...], codes: tuple[int, ...] = ()
) -> list[str] | None:
    """Return the first message of a kind, or an error with one of these codes; None: none came."""
    deadline = time.monotonic() + ANSWER_S
    while (fields := line.next(deadline)) is not None:
        if fields[0] in kinds or (fields[0] == ERROR and code_of(fields) in codes):
            return fields
    return None


def _access(line: PlainClient) -> Seen:
    item = "broker access"
    line.send("reqAllOpenOrders")
    said = _answer(line, (_LISTED,), (321,))
    if said is None:
        return Seen(item, LOOK, f"no answer about open orders within {ANSWER_S:g} s: ask again")
    if said[0] == ERROR:
        text = "read-only: untick 'Read-Only API' in the API settings, else no order can be sent"
        return Seen(item, BAD, text)
    return Seen(item, OK, "orders may be sent")


def _data(settings: "Settings", line: PlainClient) -> Seen:
    item = "broker data"
    line.send("reqMktData", r=1, **_SPY)
    try:
        said = _answer(line, (_DATA_TYPE,), _NO_DATA)
    finally:
        line.send("cancelMktData", r=1)
    if said is None:
        text = f"no quote of SPY within {ANSWER_S:g} s: is the data farm connected?"
        return Seen(item, LOOK, text)
    if said[0] == ERROR:
        text = f"{said[3]} {said[4]}: subscribe to market data, or log out where it is used"
        return Seen(item, BAD, text)
    kind = int(said[3])
    if kind == 1:
        return Seen(item, OK, "live quotes")
    allowed = settings.ibkr.allow_delayed
    advice = "" if allowed else ": subscribe to market data, or set ibkr.allow_delayed (paper)"
    return Seen(item, NOTE if allowed else LOOK, f"{_TYPES.get(kind, kind)} quotes{advice}")


def _clock(settings: "Settings", line: PlainClient) -> Seen:
    item = "broker clock"
    clock = SystemClock()
    before = clock.wall()
    line.send("reqCurrentTime")
    said = _answer(line, (_TIME,))
    after = clock.wall()
    if said is None:
        return Seen(item, LOOK, f"no answer within {ANSWER_S:g} s: ask again")
    there = datetime.fromtimestamp(int(said[2]), UTC) + timedelta(seconds=0.5)
    offset = (before + (after - before) / 2 - there).total_seconds()
    text = f"{offset:+.1f} s from the broker's"
    if settings.ibkr.practice_speed != 1:
        return Seen(item, NOTE, f"{text}: a practice gateway's own time")
    if abs(offset) <= OFFSET_WARN_S:
        return Seen(item, OK, text)
    advice = f"{text}: let NTP set this machine's clock"
    return Seen(item, LOOK if abs(offset) <= OFFSET_BAD_S else BAD, advice)
