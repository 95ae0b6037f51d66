"""What a client writes, word by word, from the description of requests and of placeOrder.

Independent of the codec's tables: a list of words for each message and version; a strict client
writes exactly these fields.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from engine.brokers.practice.wire.value import number_text

C12 = (
    "conId symbol secType expiry strike right multiplier exchange primaryExchange currency"
    " localSymbol tradingClass"
)
C11 = C12.replace(" primaryExchange", "")
C13 = f"{C12} includeExpired"
LEG4 = "conId ratio action exchange"

WORDS: dict[int, str] = {
    1: f"v r {C12} LEGS4 dnc DNC genericTicks snapshot regulatorySnapshot options",
    2: "v r", 3: "", 4: "v orderId manualTime>=169", 5: "v", 6: "v subscribe account",
    7: "v r clientId account time symbol secType exchange side", 8: "v n",
    9: f"v r {C13} secIdType secId issuerId>=176", 10: f"v r {C12} rows smart options",
    11: "v r smart", 12: "v all", 13: "v", 14: "v level", 15: "v flag", 16: "v", 17: "v",
    18: "v type", 19: "v type xml r>=157",
    20: f"r {C13} end barSize duration useRTH what formatDate LEGS4 keepUpToDate options",
    21: f"v r {C11} exerciseAction quantity account override",
    22: "r", 23: "v r", 24: "v", 25: "v r", 49: "v",
    50: f"v r {C12} barSize what useRTH options", 51: "v r", 52: "v r", 53: "v r",
    54: f"v r {C12} price underPrice n options", 55: f"v r {C12} volatility underPrice n options",
    56: "v r", 57: "v r", 58: "v", 59: "v type", 61: "v", 62: "v r group tags", 63: "v r", 64: "v",
    65: "v", 66: "v", 67: "v r", 68: "v r groupId", 69: "v r contractInfo", 70: "v r",
    71: "v clientId capabilities", 72: "v", 73: "v", 74: "v r account model", 75: "v r",
    76: "v r account model ledgerAndNLV", 77: "v r",
    78: "r symbol futFopExchange secType underConId", 79: "r", 80: "", 81: "r pattern", 82: "",
    83: "r exchange", 84: "r", 85: "", 86: "r", 87: f"r {C13} useRTH what formatDate",
    88: f"r {C13} useRTH period", 89: "r", 90: "r", 91: "ruleId", 92: "r account model", 93: "r",
    94: "r account model conId", 95: "r",
    96: f"r {C13} start end n what useRTH ignoreSize options",
    97: f"r {C12} tickType n ignoreSize", 98: "r", 99: "apiOnly", 100: "r", 101: "r", 102: "r",
    103: "r", 104: "r",
}  # fmt: skip

_LEG8 = f"{LEG4} openClose shortSaleSlot designatedLocation exemptCode"
_NEUTRAL = (
    "ConId SettlingFirm ClearingAccount ClearingIntent OpenClose ShortSale ShortSaleSlot"
    " DesignatedLocation"
)
_CONDITION = {
    "1": "isMore price conId exchange triggerMethod", "3": "isMore time", "4": "isMore percent",
    "5": "secType exchange symbol", "6": "isMore value conId exchange",
    "7": "isMore value conId exchange",
}  # fmt: skip


class _Taker:
    def __init__(self, payload: bytes) -> None:
        self._fields = iter(payload.decode().split("\0")[:-1])
        self.found: dict[str, str] = {}

    def take(self, words: str, prefix: str = "") -> str:
        text = ""
        for word in words.split():
            text = self.found[prefix + word] = next(self._fields)
        return text

    def rows(self, name: str, words: str) -> None:
        for row in range(int(self.take(name))):
            self.take(words, f"{name}[{row}].")

    def end(self) -> None:
        assert next(self._fields, None) is None


def words(payload: bytes, version: int) -> dict[str, str]:
    """The fields of a request as text, by name; rows as `name[0].word`."""
    taker = _Taker(payload)
    number = int(taker.take("number"))
    del taker.found["number"]
    if number == 3:
        _place_order(taker, version)
    for word in WORDS[number].split():
        name, _, first = word.partition(">=")
        if name == "LEGS4":
            if taker.found["secType"] == "BAG":
                taker.rows("comboLegs", LEG4)
        elif name == "DNC":
            if taker.found["dnc"] == "1":
                taker.take("dncConId dncDelta dncPrice")
        elif not first or version >= int(first):
            taker.take(name)
    taker.end()
    return taker.found


def _place_order(t: _Taker, version: int) -> None:
    t.take(f"orderId {C12} secIdType secId action totalQuantity orderType lmtPrice auxPrice tif")
    t.take("ocaGroup account openClose origin orderRef transmit parentId blockOrder sweepToFill")
    t.take("displaySize triggerMethod outsideRth hidden")
    bag = t.found["secType"] == "BAG"
    if bag:
        t.rows("comboLegs", _LEG8)
        t.rows("orderComboLegs", "")
        for row in range(int(t.found["orderComboLegs"])):
            t.take(f"orderComboLegs[{row}].")
        t.rows("smartComboRoutingParams", "tag value")
    t.take("sharesAllocation discretionaryAmt goodAfterTime goodTillDate faGroup faMethod")
    t.take("faPercentage faProfile modelCode" if version < 177 else "faPercentage modelCode")
    t.take("shortSaleSlot designatedLocation exemptCode ocaType rule80A settlingFirm allOrNone")
    t.take("minQty percentOffset eTradeOnly firmQuoteOnly nbboPriceCap auctionStrategy")
    t.take("startingPrice stockRefPrice delta stockRangeLower stockRangeUpper")
    t.take("overridePercentageConstraints volatility volatilityType")
    if (
        t.take("deltaNeutralOrderType") + t.take("deltaNeutralAuxPrice")
        and (t.found["deltaNeutralOrderType"])
    ):
        t.take(_NEUTRAL, "deltaNeutral")
    t.take("continuousUpdate referencePriceType trailStopPrice trailingPercent")
    increment = t.take("scaleInitLevelSize scaleSubsLevelSize scalePriceIncrement")
    if increment and float(increment) > 0:
        t.take("scalePriceAdjustValue scalePriceAdjustInterval scaleProfitOffset scaleAutoReset")
        t.take("scaleInitPosition scaleInitFillQty scaleRandomPercent")
    if t.take("scaleTable activeStartTime activeStopTime hedgeType"):
        t.take("hedgeParam")
    if t.take("optOutSmartRouting clearingAccount clearingIntent notHeld dnc") == "1":
        t.take("dncConId dncDelta dncPrice")
    if t.take("algoStrategy"):
        t.rows("algoParams", "tag value")
    _place_order_end(t, version, t.found["orderType"].replace(" ", ""))


def _place_order_end(t: _Taker, version: int, kind: str) -> None:
    t.take("algoId whatIf orderMiscOptions solicited randomizeSize randomizePrice")
    if kind == "PEGBENCH":
        t.take("referenceContractId isPeggedChangeAmountDecrease peggedChangeAmount")
        t.take("referenceChangeAmount referenceExchangeId")
    count = int(t.take("conditions"))
    for row in range(count):
        prefix = f"conditions[{row}]."
        t.take("type conjunction", prefix)
        t.take(_CONDITION[t.found[f"{prefix}type"]], prefix)
    if count:
        t.take("conditionsIgnoreRth conditionsCancelOrder")
    t.take("adjustedOrderType triggerPrice lmtPriceOffset adjustedStopPrice")
    t.take("adjustedStopLimitPrice adjustedTrailingAmount adjustableTrailingUnit extOperator")
    t.take("softDollarTierName softDollarTierVal cashQty mifid2DecisionMaker mifid2DecisionAlgo")
    t.take("mifid2ExecutionTrader mifid2ExecutionAlgo dontUseAutoPriceForHedge isOmsContainer")
    t.take("discretionaryUpToLimitPrice usePriceMgmtAlgo")
    for first, word in (
        (158, "duration"), (160, "postToAts"), (162, "autoCancelParent"),
        (166, "advancedErrorOverride"), (169, "manualOrderTime"),
    ):  # fmt: skip
        if version >= first:
            t.take(word)
    if version >= 170:
        if t.found["exchange"] == "IBKRATS":
            t.take("minTradeQty")
        if kind == "PEGBEST" and t.take("minCompeteSize competeAgainstBestOffset") == "Infinity":
            t.take("midOffsetAtWhole midOffsetAtHalf")
        if kind == "PEGMID":
            t.take("midOffsetAtWhole midOffsetAtHalf")


def flat(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a codec read, as the same names and texts."""
    return list(_flat(values, ""))


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, one in values.items():
        if isinstance(one, list):
            yield prefix + name, str(len(one))
            for row, inner in enumerate(one):
                place = f"{prefix}{name}[{row}]."
                yield from (
                    _flat(inner, place) if isinstance(inner, dict) else [(place, _text(inner))]
                )
        else:
            yield prefix + name, _text(one)


def _text(one: Any) -> str:
    if one is None:
        return ""
    if isinstance(one, bool):
        return "1" if one else "0"
    if one == float("inf"):
        return "Infinity"
    return number_text(one) if isinstance(one, int | Decimal) else str(one)
