"""The three long messages: placeOrder comes in, openOrder and completedOrder go out.

They share groups of fields. What goes out echoes few of them; the rest is written as real
servers write it for an order that never set them. deltaNeutralOrderType goes out empty, not as
the text None of real servers: that would drag more fields along. volatilityType goes out empty
as well: a client that miscounts completed orders below version 177 finds back into step there.
"""

CONTRACT = (
    "conId:i|0 symbol secType expiry strike:n|0 right multiplier exchange currency localSymbol"
    " tradingClass"
)
CONTRACT_PRIMARY = CONTRACT.replace(" exchange ", " primaryExchange ")
CONTRACT_FULL = CONTRACT.replace(" exchange ", " exchange primaryExchange ")

LEG = "conId:i ratio:i action exchange"
ORDER_LEG = f"{LEG} openClose:i shortSaleSlot:i designatedLocation exemptCode:i"
TAGS = "(tag value)"

_ADVISOR = "faGroup faMethod faPercentage [<177 faProfile]"
_BOX = "startingPrice:n stockRefPrice:n delta:n stockRangeLower:n stockRangeUpper:n"
_SCALED = (
    "?scaled(scalePriceAdjustValue:n scalePriceAdjustInterval:i scaleProfitOffset:n"
    " scaleAutoReset:b scaleInitPosition:i scaleInitFillQty:i scaleRandomPercent:b)"
)
_FLAG = "?dnc(dncConId:i dncDelta:n dncPrice:n)"
_ALGO = f"algoStrategy ?algo(*algoParams{TAGS})"
_BENCHMARK = (
    "?pegBench(referenceContractId:i isPeggedChangeAmountDecrease:b peggedChangeAmount:n"
    " referenceChangeAmount:n referenceExchangeId)"
)
_CONDITIONS = (
    "*conditions(type:i conjunction"
    " ?ofPrice(isMore:b price:n conId:i exchange triggerMethod:i)"
    " ?ofTime(isMore:b time)"
    " ?ofMargin(isMore:b percent:n)"
    " ?ofExecution(secType exchange symbol)"
    " ?ofVolume(isMore:b value:n conId:i exchange))"
    " ?conditions(conditionsIgnoreRth:b conditionsCancelOrder:b)"
)
_NEUTRAL_HEAD = ["conId:i", "settlingFirm", "clearingAccount", "clearingIntent", "openClose"]
_NEUTRAL_TAIL = ["shortSale:b", "shortSaleSlot:i", "designatedLocation"]


def _neutral(*fields: str) -> str:
    """The bracket of a delta-neutral order; its words stand for other things elsewhere."""
    named = (f"deltaNeutral{field[0].upper()}{field[1:]}" for field in fields)
    return f"?deltaNeutral({' '.join(named)})"


# -- placeOrder (3) ------------------------------------------------------------------------

PLACE_ORDER = f"""
    orderId:i {CONTRACT_FULL} secIdType secId
    action totalQuantity:n orderType lmtPrice:n auxPrice:n tif ocaGroup account openClose origin:i
    orderRef
    transmit:b parentId:i blockOrder:b sweepToFill:b displaySize:i triggerMethod:i outsideRth:b
    hidden:b
    ?bag(*comboLegs({ORDER_LEG}) *orderComboLegs(price:n) *smartComboRoutingParams{TAGS})
    sharesAllocation= discretionaryAmt:n goodAfterTime goodTillDate
    {_ADVISOR} modelCode
    shortSaleSlot:i designatedLocation exemptCode:i|-1 ocaType:i rule80A settlingFirm allOrNone:b
    minQty:n percentOffset:n eTradeOnly:b firmQuoteOnly:b nbboPriceCap:n auctionStrategy:i
    {_BOX} overridePercentageConstraints:b
    volatility:n volatilityType:i deltaNeutralOrderType deltaNeutralAuxPrice:n
    {_neutral(*_NEUTRAL_HEAD, *_NEUTRAL_TAIL)}
    continuousUpdate:b referencePriceType:i trailStopPrice:n trailingPercent:n
    scaleInitLevelSize:i scaleSubsLevelSize:i scalePriceIncrement:n {_SCALED}
    scaleTable activeStartTime activeStopTime
    hedgeType ?hedged(hedgeParam)
    optOutSmartRouting:b clearingAccount clearingIntent notHeld:b
    dnc:b {_FLAG}
    {_ALGO} algoId
    whatIf:b orderMiscOptions solicited:b randomizeSize:b randomizePrice:b
    {_BENCHMARK}
    {_CONDITIONS}
    adjustedOrderType triggerPrice:n lmtPriceOffset:n
    adjustedStopPrice:n adjustedStopLimitPrice:n adjustedTrailingAmount:n adjustableTrailingUnit:i
    extOperator softDollarTierName softDollarTierVal cashQty:n
    mifid2DecisionMaker mifid2DecisionAlgo mifid2ExecutionTrader mifid2ExecutionAlgo
    dontUseAutoPriceForHedge:b isOmsContainer:b discretionaryUpToLimitPrice:b usePriceMgmtAlgo:i
    [>=158 duration:i] [>=160 postToAts:i] [>=162 autoCancelParent:b]
    [>=166 advancedErrorOverride] [>=169 manualOrderTime]
    [>=170
        ?ibkrats(minTradeQty:i)
        ?pegBest(minCompeteSize:i competeAgainstBestOffset:x
                 ?infinite(midOffsetAtWhole:n midOffsetAtHalf:n))
        ?pegMid(midOffsetAtWhole:n midOffsetAtHalf:n)]
"""

# -- openOrder (5), completedOrder (101) ---------------------------------------------------

_HEAD = (
    "action totalQuantity:e orderType lmtPrice:n|0 auxPrice:n|0 tif|DAY ocaGroup account"
    " openClose= origin:i=0 orderRef"
)
_NO_ADVISOR = "faGroup= faMethod= faPercentage= [<177 faProfile=] modelCode="
_NO_BOX = "startingPrice:n= stockRefPrice:n= delta:n= stockRangeLower:n= stockRangeUpper:n="
_NO_VOLATILITY = "volatility:n= volatilityType:i= deltaNeutralOrderType= deltaNeutralAuxPrice:n="
_NEUTRAL_REST = "continuousUpdate:b=0 referencePriceType:i= trailStopPrice:n trailingPercent:n"
_LEGS = (
    f"comboLegsDescrip *comboLegs({ORDER_LEG}) *orderComboLegs(price:n)"
    f" *smartComboRoutingParams{TAGS}"
)
_NO_SCALE = f"scaleInitLevelSize:i= scaleSubsLevelSize:i= scalePriceIncrement:n= {_SCALED}"
_NO_HEDGE = "hedgeType= ?hedged(hedgeParam)"
_MARGINS = " ".join(
    f"{what}{when}:u"
    for when in ("Before", "Change", "After")
    for what in ("initMargin", "maintMargin", "equityWithLoan")
)
_PEGS = (
    "[>=170 minTradeQty:i= minCompeteSize:i= competeAgainstBestOffset:x= midOffsetAtWhole:n="
    " midOffsetAtHalf:n=]"
)

OPEN_ORDER = f"""
    orderId:i {CONTRACT} {_HEAD}
    clientId:i permId:i outsideRth:b hidden:b discretionaryAmt:n=0 goodAfterTime
    sharesAllocation= {_NO_ADVISOR} goodTillDate
    rule80A= percentOffset:n= settlingFirm= shortSaleSlot:i=0 designatedLocation= exemptCode:i=-1
    auctionStrategy:i=0 {_NO_BOX} displaySize:i=0 blockOrder:b=0 sweepToFill:b=0 allOrNone:b=0
    minQty:n= ocaType:i|0 eTradeOnly:b=0 firmQuoteOnly:b=0 nbboPriceCap:n= parentId:i|0
    triggerMethod:i|0
    {_NO_VOLATILITY} {_neutral(*_NEUTRAL_HEAD, *_NEUTRAL_TAIL)} {_NEUTRAL_REST}
    basisPoints:n= basisPointsType:i= {_LEGS}
    {_NO_SCALE} {_NO_HEDGE}
    optOutSmartRouting:b=0 clearingAccount= clearingIntent=IB notHeld:b=0 dnc:b=0 {_FLAG} {_ALGO}
    solicited:b=0 whatIf:b status {_MARGINS}
    commission:u minCommission:u maxCommission:u commissionCurrency warningText
    randomizeSize:b=0 randomizePrice:b=0
    {_BENCHMARK}
    {_CONDITIONS}
    adjustedOrderType= triggerPrice:u=UNSET trailStopPrice:u lmtPriceOffset:u
    adjustedStopPrice:u=UNSET adjustedStopLimitPrice:u=UNSET adjustedTrailingAmount:u=UNSET
    adjustableTrailingUnit:i=0
    softDollarTierName= softDollarTierVal= softDollarTierDisplayName= cashQty:n=0
    dontUseAutoPriceForHedge:b=0 isOmsContainer:b=0 discretionaryUpToLimitPrice:b=0
    usePriceMgmtAlgo:i=0
    [>=158 duration:i=] [>=160 postToAts:i=] [>=162 autoCancelParent:b] {_PEGS}
"""

COMPLETED_ORDER = f"""
    {CONTRACT} {_HEAD}
    permId:i outsideRth:b hidden:b discretionaryAmt:n=0 goodAfterTime
    {_NO_ADVISOR} goodTillDate
    rule80A= percentOffset:n= settlingFirm= shortSaleSlot:i=0 designatedLocation= exemptCode:i=-1
    {_NO_BOX} displaySize:i=0 sweepToFill:b=0 allOrNone:b=0
    minQty:n= ocaType:i|0
    triggerMethod:i|0
    {_NO_VOLATILITY} {_neutral(_NEUTRAL_HEAD[0], *_NEUTRAL_TAIL)} {_NEUTRAL_REST}
    {_LEGS}
    {_NO_SCALE} {_NO_HEDGE}
    clearingAccount= clearingIntent=IB notHeld:b=0 dnc:b=0 {_FLAG} {_ALGO}
    solicited:b=0 status
    randomizeSize:b=0 randomizePrice:b=0
    {_BENCHMARK}
    {_CONDITIONS}
    trailStopPrice:u lmtPriceOffset:u cashQty:n=0
    dontUseAutoPriceForHedge:b=0 isOmsContainer:b=0 autoCancelDate= filledQuantity:e
    refFuturesConId:i=0 autoCancelParent:b shareholder= imbalanceOnly:b=0 routeMarketableToBbo:b=0
    parentPermId:i=0 completedTime completedStatus {_PEGS}
"""
