"""The venue's facts as words of the wire, and a client's words as the venue's requests."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from engine.brokers.practice.model import (
    ZERO,
    ZONE,
    AccountValue,
    Bar,
    ComboLeg,
    Commission,
    Contract,
    ContractDetails,
    Execution,
    OrderRequest,
    OrderView,
    PortfolioRow,
    PositionRow,
    WhatIf,
)
from engine.brokers.practice.wire.value import time_text

Words = dict[str, Any]
Given = Mapping[str, Any]


# -- contracts -----------------------------------------------------------------------------


def contract_of(given: Given) -> Contract:
    """Return the contract that a client described."""
    return Contract(
        con_id=given["conId"] or 0,
        symbol=given["symbol"],
        sec_type=given["secType"].upper(),
        expiry=given["expiry"],
        strike=given["strike"] or ZERO,
        right=_right(given["right"]),
        multiplier=given["multiplier"],
        exchange=given["exchange"],
        primary_exchange=given.get("primaryExchange", ""),
        currency=given["currency"],
        local_symbol=given["localSymbol"],
        trading_class=given["tradingClass"],
        include_expired=given.get("includeExpired", False),
        sec_id_type=given.get("secIdType", ""),
        sec_id=given.get("secId", ""),
        legs=tuple(map(_leg_of, given.get("comboLegs", ()))),
    )


def _right(text: str) -> str:
    known = {"CALL": "C", "PUT": "P", "0": "", "?": ""}
    return known.get(text.upper(), text.upper())


def _leg_of(given: Given) -> ComboLeg:
    return ComboLeg(
        con_id=given["conId"] or 0,
        ratio=given["ratio"] or 1,
        action=given["action"],
        exchange=given["exchange"],
        open_close=given.get("openClose") or 0,
        short_sale_slot=given.get("shortSaleSlot") or 0,
        designated_location=given.get("designatedLocation", ""),
        exempt_code=-1 if given.get("exemptCode") is None else given["exemptCode"],
    )


def contract_words(contract: Contract) -> Words:
    """Return a contract's fields."""
    return {
        "conId": contract.con_id,
        "symbol": contract.symbol,
        "secType": contract.sec_type,
        "expiry": contract.expiry,
        "strike": contract.strike,
        "right": contract.right,
        "multiplier": contract.multiplier,
        "exchange": contract.exchange,
        "primaryExchange": contract.primary_exchange,
        "currency": contract.currency,
        "localSymbol": contract.local_symbol,
        "tradingClass": contract.trading_class,
    }


def details_words(details: ContractDetails) -> Words:
    """Return the fields of contractDetails."""
    return contract_words(details.contract) | {
        "marketName": details.market_name,
        "minTick": details.min_tick,
        "orderTypes": details.order_types,
        "validExchanges": details.valid_exchanges,
        "priceMagnifier": details.price_magnifier,
        "underConId": details.under_con_id,
        "longName": details.long_name,
        "contractMonth": details.contract_month,
        "industry": details.industry,
        "category": details.category,
        "subcategory": details.subcategory,
        "timeZoneId": details.time_zone_id,
        "tradingHours": details.trading_hours,
        "liquidHours": details.liquid_hours,
        "evRule": details.ev_rule,
        "evMultiplier": details.ev_multiplier,
        "secIds": [{"tag": tag, "value": value} for tag, value in details.sec_ids],
        "aggGroup": details.agg_group,
        "underSymbol": details.under_symbol,
        "underSecType": details.under_sec_type,
        "marketRuleIds": details.market_rule_ids,
        "realExpirationDate": details.real_expiration_date,
        "stockType": details.stock_type,
        "sizeMinTick": details.suggested_size_increment,
        "minSize": details.min_size,
        "sizeIncrement": details.size_increment,
        "suggestedSizeIncrement": details.suggested_size_increment,
    }


# -- orders --------------------------------------------------------------------------------

_REFUSED = {
    "conditions": "conditions",
    "faGroup": "advisor group",
    "faMethod": "advisor method",
    "faProfile": "advisor profile",
    "scaleInitLevelSize": "scale order",
    "scalePriceIncrement": "scale order",
    "hedgeType": "hedge order",
    "algoStrategy": "algorithm",
    "adjustedOrderType": "adjusted order",
    "deltaNeutralOrderType": "delta neutral order",
    "volatility": "volatility order",
    "referenceContractId": "pegged order",
    "dnc": "delta neutral contract",
}
"""Read in full, never offered: refused by error 387."""

_ECHOED = ("openClose", "hidden", "lmtPriceOffset", "autoCancelParent", "displaySize", "minQty")


def order_of(given: Given, client_id: int) -> OrderRequest:
    """Return the order that a client sent."""
    return OrderRequest(
        client_id=client_id,
        order_id=given["orderId"],
        contract=contract_of(given),
        action=given["action"].upper(),
        quantity=given["totalQuantity"] or ZERO,
        type=" ".join(given["orderType"].upper().split()),
        limit_price=given["lmtPrice"],
        aux_price=given["auxPrice"],
        tif=given["tif"].upper(),
        oca_group=given["ocaGroup"],
        oca_type=given["ocaType"] or 0,
        account=given["account"],
        order_ref=given["orderRef"],
        transmit=given["transmit"],
        parent_id=given["parentId"] or 0,
        outside_rth=given["outsideRth"],
        all_or_none=given["allOrNone"],
        good_after_time=given["goodAfterTime"],
        good_till_date=given["goodTillDate"],
        trail_stop_price=given["trailStopPrice"],
        trailing_percent=given["trailingPercent"],
        trigger_method=given["triggerMethod"] or 0,
        what_if=given["whatIf"],
        unsupported=tuple(
            dict.fromkeys(text for name, text in _REFUSED.items() if given.get(name))
        ),
        echo={name: _plain(given[name]) for name in _ECHOED if given.get(name)},
    )


def _plain(value: object) -> str:
    return "1" if value is True else str(value)


def order_words(view: OrderView, version: int) -> Words:
    """Return the fields of openOrder and completedOrder."""
    request = view.request
    is_trail = request.type.startswith("TRAIL")
    offset = request.echo.get("lmtPriceOffset")
    words = contract_words(request.contract) | {
        "orderId": view.order_id,
        "clientId": view.client_id,
        "permId": view.perm_id,
        "parentId": view.parent_id,
        "status": view.status,
        "action": request.action,
        "totalQuantity": request.quantity,
        "orderType": request.type,
        "lmtPrice": request.limit_price,
        "auxPrice": request.aux_price,
        "tif": request.tif,
        "ocaGroup": request.oca_group,
        "ocaType": request.oca_type,
        "account": request.account,
        "orderRef": request.order_ref,
        "outsideRth": request.outside_rth,
        "hidden": request.echo.get("hidden") == "1",
        "goodAfterTime": request.good_after_time,
        "goodTillDate": request.good_till_date,
        "triggerMethod": request.trigger_method,
        "trailStopPrice": (view.stop_price or request.trail_stop_price) if is_trail else None,
        "trailingPercent": request.trailing_percent,
        "lmtPriceOffset": None if offset is None else Decimal(offset),
        "autoCancelParent": request.echo.get("autoCancelParent") == "1",
        "whatIf": request.what_if,
        "comboLegs": [_leg_words(leg) for leg in request.contract.legs],
        "filledQuantity": view.filled,
        "completedStatus": view.completed_status,
    }
    if view.completed_at is not None:
        words["completedTime"] = time_text(view.completed_at, version, ZONE)
    return words | (_margin_words(view.what_if) if view.what_if else {})


def _leg_words(leg: ComboLeg) -> Words:
    return {
        "conId": leg.con_id,
        "ratio": leg.ratio,
        "action": leg.action,
        "exchange": leg.exchange,
        "openClose": leg.open_close,
        "shortSaleSlot": leg.short_sale_slot,
        "designatedLocation": leg.designated_location,
        "exemptCode": leg.exempt_code,
    }


def _margin_words(what_if: WhatIf) -> Words:
    words: Words = {
        "commission": what_if.commission,
        "minCommission": what_if.min_commission,
        "maxCommission": what_if.max_commission,
        "commissionCurrency": what_if.currency,
        "warningText": what_if.warning,
    }
    for name, numbers in (
        ("initMargin", what_if.init_margin),
        ("maintMargin", what_if.maint_margin),
        ("equityWithLoan", what_if.equity_with_loan),
    ):
        for when, number in zip(("Before", "Change", "After"), numbers, strict=True):
            words[name + when] = number
    return words


def status_words(view: OrderView) -> Words:
    """Return the fields of orderStatus."""
    return {
        "orderId": view.order_id,
        "status": view.status,
        "filled": view.filled,
        "remaining": view.remaining,
        "avgFillPrice": view.avg_fill_price,
        "permId": view.perm_id,
        "parentId": view.parent_id,
        "lastFillPrice": view.last_fill_price,
        "clientId": view.client_id,
        "whyHeld": view.why_held,
    }


def execution_words(execution: Execution, r: int, version: int) -> Words:
    """Return the fields of an execution; r is −1 for a live one."""
    return contract_words(execution.contract) | {
        "r": r,
        "orderId": execution.order_id,
        "execId": execution.exec_id,
        "time": time_text(execution.at, version, execution.zone),
        "acctNumber": execution.account,
        "execExchange": execution.exchange,
        "side": execution.side,
        "shares": execution.shares,
        "price": execution.price,
        "permId": execution.perm_id,
        "clientId": execution.client_id,
        "liquidation": execution.liquidation,
        "cumQty": execution.cum_qty,
        "avgPrice": execution.avg_price,
        "orderRef": execution.order_ref,
        "evRule": execution.ev_rule,
        "evMultiplier": execution.ev_multiplier,
        "modelCode": execution.model_code,
        "lastLiquidity": execution.last_liquidity,
    }


def commission_words(commission: Commission) -> Words:
    """Return the fields of a commission report; no yield, and no profit when opening."""
    return {
        "execId": commission.exec_id,
        "commission": commission.commission,
        "currency": commission.currency,
        "realizedPNL": commission.realized_pnl,
    }


# -- account -------------------------------------------------------------------------------


def position_words(row: PositionRow) -> Words:
    """Return the fields of a position."""
    return contract_words(row.contract) | {
        "account": row.account,
        "position": row.position,
        "avgCost": row.avg_cost,
    }


def portfolio_words(row: PortfolioRow) -> Words:
    """Return the fields of a portfolio line."""
    return contract_words(row.contract) | {
        "account": row.account,
        "position": row.position,
        "marketPrice": row.market_price,
        "marketValue": row.market_value,
        "averageCost": row.average_cost,
        "unrealizedPNL": row.unrealized_pnl,
        "realizedPNL": row.realized_pnl,
    }


def account_words(value: AccountValue, account: str) -> Words:
    """Return the fields of one number of the account, under each name that messages use."""
    return {
        "key": value.key,
        "tag": value.key,
        "value": value.value,
        "currency": value.currency,
        "account": account,
    }


# -- time ----------------------------------------------------------------------------------


def bar_words(bar: Bar, version: int, format_date: int) -> Words:
    """Return the fields of a bar of history; daily bars are always dated by session."""
    if bar.day is not None:
        date = f"{bar.day:%Y%m%d}"
    elif format_date == 2:
        date = str(int(bar.at.timestamp()))
    else:
        date = time_text(bar.at, version, ZONE)
    return {
        "date": date,
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "close": bar.close,
        "volume": bar.volume,
        "wap": bar.wap,
        "count": bar.count,
    }
