"""Client to server: every message by number and name. `v` is a version that nobody reads.

Messages that are not offered are still known, as far as the request id that an answer needs.
"""

from collections.abc import Mapping
from typing import Any

from engine.brokers.practice.wire.frame import fields_of
from engine.brokers.practice.wire.layout import Message, layout, read, write
from engine.brokers.practice.wire.order import CONTRACT, CONTRACT_FULL, LEG, PLACE_ORDER
from engine.brokers.practice.wire.value import WireError, whole

_EXPIRED = f"{CONTRACT_FULL} includeExpired:b"

_LAYOUTS: Mapping[int, tuple[str, str]] = {
    1: (
        "reqMktData",
        f"v=11 r:i {CONTRACT_FULL} ?bag(*comboLegs({LEG}))"
        " dnc:b ?dnc(dncConId:i dncDelta:n dncPrice:n)"
        " genericTicks snapshot:b regulatorySnapshot:b options",
    ),
    2: ("cancelMktData", "v=2 r:i"),
    3: ("placeOrder", PLACE_ORDER),
    4: ("cancelOrder", "v=1 orderId:i [>=169 manualTime]"),
    5: ("reqOpenOrders", "v=1"),
    6: ("reqAccountUpdates", "v=2 subscribe:b account"),
    7: ("reqExecutions", "v=3 r:i clientId:i account time symbol secType exchange side"),
    8: ("reqIds", "v=1 n:i"),
    9: ("reqContractDetails", f"v=8 r:i {_EXPIRED} secIdType secId [>=176 issuerId]"),
    10: ("reqMktDepth", f"v=5 r:i {CONTRACT_FULL} rows:i smart:b options"),
    11: ("cancelMktDepth", "v=1 r:i smart:b"),
    12: ("reqNewsBulletins", "v=1 all:b"),
    13: ("cancelNewsBulletins", "v=1"),
    14: ("setServerLogLevel", "v=1 level:i"),
    15: ("reqAutoOpenOrders", "v=1 flag:b"),
    16: ("reqAllOpenOrders", "v=1"),
    17: ("reqManagedAccts", "v=1"),
    18: ("requestFA", "v=1 type:i"),
    19: ("replaceFA", "v=1 type:i xml [>=157 r:i]"),
    20: (
        "reqHistoricalData",
        f"r:i {_EXPIRED} end barSize duration useRTH:b what formatDate:i"
        f" ?bag(*comboLegs({LEG})) keepUpToDate:b options",
    ),
    21: ("exerciseOptions", f"v=2 r:i {CONTRACT} exerciseAction:i quantity:i account override:i"),
    22: ("reqScannerSubscription", "r:i"),
    23: ("cancelScannerSubscription", "v=1 r:i"),
    24: ("reqScannerParameters", "v=1"),
    25: ("cancelHistoricalData", "v=1 r:i"),
    49: ("reqCurrentTime", "v=1"),
    50: ("reqRealTimeBars", f"v=3 r:i {CONTRACT_FULL} barSize:i what useRTH:b options"),
    51: ("cancelRealTimeBars", "v=1 r:i"),
    52: ("reqFundamentalData", "v=2 r:i"),
    53: ("cancelFundamentalData", "v=1 r:i"),
    54: ("calculateImpliedVolatility", f"v=3 r:i {CONTRACT_FULL} price:n underPrice:n n:i options"),
    55: ("calculateOptionPrice", f"v=3 r:i {CONTRACT_FULL} volatility:n underPrice:n n:i options"),
    56: ("cancelCalculateImpliedVolatility", "v=1 r:i"),
    57: ("cancelCalculateOptionPrice", "v=1 r:i"),
    58: ("reqGlobalCancel", "v=1"),
    59: ("reqMarketDataType", "v=1 type:i"),
    61: ("reqPositions", "v=1"),
    62: ("reqAccountSummary", "v=1 r:i group tags"),
    63: ("cancelAccountSummary", "v=1 r:i"),
    64: ("cancelPositions", "v=1"),
    65: ("verifyRequest", "v=1"),
    66: ("verifyMessage", "v=1"),
    67: ("queryDisplayGroups", "v=1 r:i"),
    68: ("subscribeToGroupEvents", "v=1 r:i groupId:i"),
    69: ("updateDisplayGroup", "v=1 r:i contractInfo"),
    70: ("unsubscribeFromGroupEvents", "v=1 r:i"),
    71: ("startApi", "v=2 clientId:i capabilities"),
    72: ("verifyAndAuthRequest", "v=1"),
    73: ("verifyAndAuthMessage", "v=1"),
    74: ("reqPositionsMulti", "v=1 r:i account model"),
    75: ("cancelPositionsMulti", "v=1 r:i"),
    76: ("reqAccountUpdatesMulti", "v=1 r:i account model ledgerAndNLV:b"),
    77: ("cancelAccountUpdatesMulti", "v=1 r:i"),
    78: ("reqSecDefOptParams", "r:i symbol futFopExchange secType underConId:i"),
    79: ("reqSoftDollarTiers", "r:i"),
    80: ("reqFamilyCodes", ""),
    81: ("reqMatchingSymbols", "r:i pattern"),
    82: ("reqMktDepthExchanges", ""),
    83: ("reqSmartComponents", "r:i exchange"),
    84: ("reqNewsArticle", "r:i"),
    85: ("reqNewsProviders", ""),
    86: ("reqHistoricalNews", "r:i"),
    87: ("reqHeadTimestamp", f"r:i {_EXPIRED} useRTH:b what formatDate:i"),
    88: ("reqHistogramData", f"r:i {_EXPIRED} useRTH:b period"),
    89: ("cancelHistogramData", "r:i"),
    90: ("cancelHeadTimestamp", "r:i"),
    91: ("reqMarketRule", "ruleId:i"),
    92: ("reqPnL", "r:i account model"),
    93: ("cancelPnL", "r:i"),
    94: ("reqPnLSingle", "r:i account model conId:i"),
    95: ("cancelPnLSingle", "r:i"),
    96: (
        "reqHistoricalTicks",
        f"r:i {_EXPIRED} start end n:i what useRTH:b ignoreSize:b options",
    ),
    97: ("reqTickByTickData", f"r:i {CONTRACT_FULL} tickType n:i ignoreSize:b"),
    98: ("cancelTickByTickData", "r:i"),
    99: ("reqCompletedOrders", "apiOnly:b"),
    100: ("reqWshMetaData", "r:i"),
    101: ("cancelWshMetaData", "r:i"),
    102: ("reqWshEventData", "r:i"),
    103: ("cancelWshEventData", "r:i"),
    104: ("reqUserInfo", "r:i"),
}

REQUESTS = {
    number: Message(number, name, layout(text)) for number, (name, text) in _LAYOUTS.items()
}
BY_NAME = {message.name: message for message in REQUESTS.values()}

NOT_OFFERED = frozenset(
    {18, 19, 21, 22, 23, 24, 52, 53, 65, 66, 72, 73, 84, 86, 100, 101, 102, 103}
)
"""Answered by error 321."""


def request(name: str, version: int, **values: Any) -> bytes:
    """Return the payload of a request, as a client sends it."""
    return write(BY_NAME[name], version, values)


def read_request(
    payload: bytes, version: int, *, strict: bool = False
) -> tuple[Message, dict[str, Any]]:
    """Return a request and its values. Raises WireError for what is none."""
    fields = fields_of(payload)
    message = REQUESTS.get(whole(fields[0]) or 0)
    if message is None:
        raise WireError(f"no message '{fields[0][:40]}'")
    return message, read(message, version, fields, strict=strict)
