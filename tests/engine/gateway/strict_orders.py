"""The strict reader of openOrder and completedOrder."""

from tests.engine.gateway.strict_fields import UNSET, Amiss, Fields, Found, contract, tag


def _order_leg(f: Fields) -> Found:
    return {
        "conId": f.id(), "ratio": f.id(), "action": f.text(), "exchange": f.text(),
        "openClose": f.id(), "shortSaleSlot": f.id(), "designatedLocation": f.text(),
        "exemptCode": f.id(),
    }  # fmt: skip


def _expect(f: Fields, found: Found, names: str, value: str) -> None:
    """Fields that must be exactly as described."""
    for name in names.split():
        text = f.text()
        if text != value:
            raise Amiss(f"{name} must be {value!r}, is {text!r}")
        found[name] = {"": None, "0": 0, "-1": -1}.get(value, value)


def _head(f: Fields, found: Found) -> None:
    found["action"] = f.text()
    found["totalQuantity"] = f.price()
    found["orderType"] = f.text()
    found.update(lmtPrice=f.price(), auxPrice=f.price())
    found.update(f.words("tif ocaGroup account"))
    _expect(f, found, "openClose", "")
    _expect(f, found, "origin", "0")
    found["orderRef"] = f.text()


def _advisor(f: Fields, found: Found) -> None:
    names = "faGroup faMethod faPercentage"
    _expect(f, found, names + (" faProfile" if f.version < 177 else "") + " modelCode", "")


def _sale(f: Fields, found: Found) -> None:
    _expect(f, found, "rule80A percentOffset settlingFirm", "")
    _expect(f, found, "shortSaleSlot", "0")
    _expect(f, found, "designatedLocation", "")
    _expect(f, found, "exemptCode", "-1")


def _volatility(f: Fields, found: Found) -> None:
    _expect(f, found, "volatility volatilityType deltaNeutralOrderType deltaNeutralAuxPrice", "")
    _expect(f, found, "continuousUpdate", "0")
    _expect(f, found, "referencePriceType", "")
    found["trailStopPrice"] = f.price_or_none()
    found["trailingPercent"] = f.price_or_none()


def _box(f: Fields, found: Found) -> None:
    _expect(f, found, "startingPrice stockRefPrice delta stockRangeLower stockRangeUpper", "")


def _combo(f: Fields, found: Found) -> None:
    found["comboLegsDescrip"] = f.text()
    found["comboLegs"] = f.rows(_order_leg)
    found["orderComboLegs"] = f.rows(Fields.price)
    found["smartComboRoutingParams"] = f.rows(tag)
    _expect(f, found, "scaleInitLevelSize scaleSubsLevelSize scalePriceIncrement hedgeType", "")


def _algo(f: Fields, found: Found) -> None:
    found["algoStrategy"] = f.text()
    if found["algoStrategy"]:
        found["algoParams"] = f.rows(tag)


def _condition(f: Fields) -> Found:
    found: Found = {"type": f.id(), "conjunction": f.text()}
    if found["type"] == 5:
        return found | f.words("secType exchange symbol")
    found["isMore"] = f.flag()
    if found["type"] == 1:
        found.update(price=f.price(), conId=f.id(), exchange=f.text(), triggerMethod=f.id())
    elif found["type"] == 3:
        found["time"] = f.text()
    elif found["type"] == 4:
        found["percent"] = f.price()
    elif found["type"] in (6, 7):
        found.update(value=f.price(), conId=f.id(), exchange=f.text())
    else:
        raise Amiss(f"condition {found['type']}")
    return found


def _pegged_and_conditions(f: Fields, found: Found) -> None:
    if found["orderType"].replace(" ", "") == "PEGBENCH":
        found.update(
            referenceContractId=f.id(), isPeggedChangeAmountDecrease=f.flag(),
            peggedChangeAmount=f.price(), referenceChangeAmount=f.price(),
            referenceExchangeId=f.text(),
        )  # fmt: skip
    found["conditions"] = f.rows(_condition)
    if found["conditions"]:
        found.update(conditionsIgnoreRth=f.flag(), conditionsCancelOrder=f.flag())


def _pegs(f: Fields, found: Found) -> None:
    if f.version >= 170:
        names = "minTradeQty minCompeteSize competeAgainstBestOffset"
        _expect(f, found, f"{names} midOffsetAtWhole midOffsetAtHalf", "")


def open_order(f: Fields) -> Found:
    """Message 5, all of it."""
    found: Found = {"orderId": f.id(), **contract(f)}
    _head(f, found)
    found.update(clientId=f.id(), permId=f.id(), outsideRth=f.flag(), hidden=f.flag())
    _expect(f, found, "discretionaryAmt", "0")
    found["goodAfterTime"] = f.text()
    _expect(f, found, "sharesAllocation", "")
    _advisor(f, found)
    found["goodTillDate"] = f.text()
    _sale(f, found)
    _expect(f, found, "auctionStrategy", "0")
    _box(f, found)
    _expect(f, found, "displaySize blockOrder sweepToFill allOrNone", "0")
    _expect(f, found, "minQty", "")
    found["ocaType"] = f.id()
    _expect(f, found, "eTradeOnly firmQuoteOnly", "0")
    _expect(f, found, "nbboPriceCap", "")
    found.update(parentId=f.id(), triggerMethod=f.id())
    _volatility(f, found)
    _expect(f, found, "basisPoints basisPointsType", "")
    _combo(f, found)
    _expect(f, found, "optOutSmartRouting", "0")
    _expect(f, found, "clearingAccount", "")
    _expect(f, found, "clearingIntent", "IB")
    _expect(f, found, "notHeld dnc", "0")
    _algo(f, found)
    _expect(f, found, "solicited", "0")
    found.update(whatIf=f.flag(), status=f.text())
    for when in ("Before", "Change", "After"):
        for what in ("initMargin", "maintMargin", "equityWithLoan"):
            found[what + when] = f.price_or_unset()
    for name in ("commission", "minCommission", "maxCommission"):
        found[name] = f.price_or_unset()
    found.update(f.words("commissionCurrency warningText"))
    _expect(f, found, "randomizeSize randomizePrice", "0")
    _pegged_and_conditions(f, found)
    _expect(f, found, "adjustedOrderType", "")
    _expect(f, found, "triggerPrice", UNSET)
    trail = f.price_or_unset()
    if trail != found["trailStopPrice"]:
        raise Amiss("the two trailStopPrice differ")
    found["lmtPriceOffset"] = f.price_or_unset()
    _expect(f, found, "adjustedStopPrice adjustedStopLimitPrice adjustedTrailingAmount", UNSET)
    _expect(f, found, "adjustableTrailingUnit", "0")
    _expect(f, found, "softDollarTierName softDollarTierVal softDollarTierDisplayName", "")
    _expect(f, found, "cashQty dontUseAutoPriceForHedge isOmsContainer", "0")
    _expect(f, found, "discretionaryUpToLimitPrice usePriceMgmtAlgo", "0")
    if f.version >= 158:
        _expect(f, found, "duration", "")
    if f.version >= 160:
        _expect(f, found, "postToAts", "")
    if f.version >= 162:
        found["autoCancelParent"] = f.flag()
    _pegs(f, found)
    return found


def completed_order(f: Fields) -> Found:
    """Message 101, all of it."""
    found: Found = contract(f)
    _head(f, found)
    found.update(permId=f.id(), outsideRth=f.flag(), hidden=f.flag())
    _expect(f, found, "discretionaryAmt", "0")
    found["goodAfterTime"] = f.text()
    _advisor(f, found)
    found["goodTillDate"] = f.text()
    _sale(f, found)
    _box(f, found)
    _expect(f, found, "displaySize sweepToFill allOrNone", "0")
    _expect(f, found, "minQty", "")
    found.update(ocaType=f.id(), triggerMethod=f.id())
    _volatility(f, found)
    _combo(f, found)
    _expect(f, found, "clearingAccount", "")
    _expect(f, found, "clearingIntent", "IB")
    _expect(f, found, "notHeld dnc", "0")
    _algo(f, found)
    _expect(f, found, "solicited", "0")
    found["status"] = f.text()
    _expect(f, found, "randomizeSize randomizePrice", "0")
    _pegged_and_conditions(f, found)
    trail = f.price_or_unset()
    if trail != found["trailStopPrice"]:
        raise Amiss("the two trailStopPrice differ")
    found["lmtPriceOffset"] = f.price_or_unset()
    _expect(f, found, "cashQty dontUseAutoPriceForHedge isOmsContainer", "0")
    _expect(f, found, "autoCancelDate", "")
    found["filledQuantity"] = f.price()
    _expect(f, found, "refFuturesConId", "0")
    found["autoCancelParent"] = f.flag()
    _expect(f, found, "shareholder", "")
    _expect(f, found, "imbalanceOnly routeMarketableToBbo parentPermId", "0")
    found.update(f.words("completedTime completedStatus"))
    _pegs(f, found)
    return found
