"""Server to client: every message by number and name. A leading `v` is a version to write."""

from collections.abc import Mapping
from typing import Any

from engine.brokers.practice.wire.frame import fields_of
from engine.brokers.practice.wire.layout import Message, layout, read, write
from engine.brokers.practice.wire.order import (
    COMPLETED_ORDER,
    CONTRACT,
    CONTRACT_PRIMARY,
    OPEN_ORDER,
)
from engine.brokers.practice.wire.value import WireError, whole

_LAYOUTS: Mapping[int, tuple[str, str]] = {
    1: ("tickPrice", "v:i=6 r:i type:i price:u size:e|0 mask:i|0"),
    2: ("tickSize", "v:i=6 r:i type:i size:e"),
    3: (
        "orderStatus",
        "orderId:i status filled:e remaining:e avgFillPrice:e|0 permId:i parentId:i|0"
        " lastFillPrice:e|0 clientId:i whyHeld mktCapPrice:e|0",
    ),
    4: ("error", "v:i=2 id:i code:i text [>=166 advancedOrderRejectJson]"),
    5: ("openOrder", OPEN_ORDER),
    6: ("accountValue", "v:i=2 key value currency account"),
    7: (
        "portfolio",
        f"v:i=8 {CONTRACT_PRIMARY} position:e marketPrice:e marketValue:e averageCost:e"
        " unrealizedPNL:e realizedPNL:e account",
    ),
    8: ("accountTime", "v:i=1 time"),
    9: ("nextValidId", "v:i=1 id:i"),
    10: (
        "contractDetails",
        "[<164 v:i=8] r:i symbol secType expiry strike:n|0 right exchange currency localSymbol"
        " marketName tradingClass conId:i|0 minTick:e [<164 mdSizeMultiplier:i=1] multiplier"
        " orderTypes validExchanges priceMagnifier:i|1 underConId:i|0 longName primaryExchange"
        " contractMonth industry category subcategory timeZoneId tradingHours liquidHours evRule"
        " evMultiplier:n|0 *secIds(tag value) aggGroup:i|1 underSymbol underSecType marketRuleIds"
        " realExpirationDate [>=152 stockType] [==163 sizeMinTick:n|1]"
        " [>=164 minSize:n|1 sizeIncrement:n|1 suggestedSizeIncrement:n|1]",
    ),
    11: (
        "execution",
        f"r:i orderId:i {CONTRACT} execId time acctNumber execExchange side shares:e price:e"
        " permId:i clientId:i liquidation:i|0 cumQty:e avgPrice:e orderRef evRule evMultiplier:n"
        " modelCode lastLiquidity:i|0 [>=178 pendingPriceRevision:b]",
    ),
    15: ("managedAccounts", "v:i=1 accounts"),
    17: (
        "historicalData",
        "r:i start end *bars(date open:e high:e low:e close:e volume:e wap:e count:e)",
    ),
    21: (
        "optionComputation",
        "[<156 v:i=6] r:i type:i [>=156 attrib:i|0] impliedVol:e|-1 delta:e|-2 optPrice:e|-1"
        " pvDividend:e|-1 gamma:e|-2 vega:e|-2 theta:e|-2 undPrice:e|-1",
    ),
    45: ("tickGeneric", "v:i=6 r:i type:i value:e"),
    46: ("tickString", "v:i=6 r:i type:i text"),
    49: ("currentTime", "v:i=1 time:t"),
    50: (
        "realTimeBar",
        "v:i=3 r:i time:t open:e high:e low:e close:e volume:e wap:e count:e",
    ),
    52: ("contractDetailsEnd", "v:i=1 r:i"),
    53: ("openOrderEnd", "v:i=1"),
    54: ("accountDownloadEnd", "v:i=1 account"),
    55: ("executionEnd", "v:i=1 r:i"),
    57: ("tickSnapshotEnd", "v:i=1 r:i"),
    58: ("marketDataType", "v:i=1 r:i type:i"),
    59: (
        "commission",
        "v:i=1 execId commission:e currency realizedPNL:u yield:u yieldRedemptionDate",
    ),
    61: ("position", f"v:i=3 account {CONTRACT} position:e avgCost:e"),
    62: ("positionEnd", "v:i=1"),
    63: ("accountSummary", "v:i=1 r:i account tag value currency"),
    64: ("accountSummaryEnd", "v:i=1 r:i"),
    67: ("displayGroupList", "v:i=1 r:i groups"),
    71: ("positionMulti", f"v:i=1 r:i account {CONTRACT} position:e avgCost:e modelCode"),
    72: ("positionMultiEnd", "v:i=1 r:i"),
    73: ("accountUpdateMulti", "v:i=1 r:i account model key value currency"),
    74: ("accountUpdateMultiEnd", "v:i=1 r:i"),
    75: (
        "chain",
        "r:i exchange underConId:i|0 tradingClass multiplier *expirations(expiry)"
        " *strikes(strike:e)",
    ),
    76: ("chainEnd", "r:i"),
    77: ("softDollarTiers", "r:i *tiers(name value display)"),
    78: ("familyCodes", "*codes(account code)"),
    79: (
        "symbolSamples",
        "r:i *samples(conId:i|0 symbol secType primaryExchange currency *types(type)"
        " [>=176 description issuerId])",
    ),
    80: ("mktDepthExchanges", "*exchanges(exchange secType listing service aggGroup:i)"),
    81: ("tickReqParams", "r:i minTick:e bboExchange permissions:i"),
    82: ("smartComponents", "r:i *components(bit:i exchange letter)"),
    85: ("newsProviders", "*providers(code name)"),
    88: ("headTimestamp", "r:i time"),
    89: ("histogramData", "r:i *rows(price:e size:e)"),
    90: (
        "historicalDataUpdate",
        "r:i count:e date open:e close:e high:e low:e wap:e volume:e",
    ),
    93: ("marketRule", "ruleId:i *rules(lowEdge:e increment:e)"),
    94: ("pnl", "r:i daily:u unrealized:u realized:u"),
    95: ("pnlSingle", "r:i position:e daily:u unrealized:u realized:u value:u"),
    96: ("historicalTicks", "r:i *ticks(time:t zero:i=0 price:e size:e) done:b"),
    97: (
        "historicalTicksBidAsk",
        "r:i *ticks(time:t mask:i bid:e ask:e bidSize:e askSize:e) done:b",
    ),
    98: (
        "historicalTicksLast",
        "r:i *ticks(time:t mask:i price:e size:e exchange conditions) done:b",
    ),
    99: (
        "tickByTick",
        "r:i kind:i time:t ?tradeTicks(price:e size:e mask:i exchange conditions)"
        " ?quoteTicks(bid:e ask:e bidSize:e askSize:e mask:i) ?middleTicks(mid:e)",
    ),
    100: ("orderBound", "permId:i clientId:i orderId:i"),
    101: ("completedOrder", COMPLETED_ORDER),
    102: ("completedOrdersEnd", ""),
    106: ("historicalSchedule", "r:i start end zone *sessions(start end refDate)"),
    107: ("userInfo", "r:i text"),
}

ANSWERS = {number: Message(number, name, layout(text)) for number, (name, text) in _LAYOUTS.items()}
BY_NAME = {message.name: message for message in ANSWERS.values()}


def answer(name: str, version: int, values: Mapping[str, Any]) -> bytes:
    """Return the payload of an answer. Raises WireError for what cannot be written."""
    return write(BY_NAME[name], version, values)


def read_answer(
    payload: bytes, version: int, *, strict: bool = True
) -> tuple[Message, dict[str, Any]]:
    """Return an answer and its values, as a client reads it. Raises WireError."""
    fields = fields_of(payload)
    message = ANSWERS.get(whole(fields[0]) or 0)
    if message is None:
        raise WireError(f"no message '{fields[0][:40]}'")
    return message, read(message, version, fields, strict=strict)
