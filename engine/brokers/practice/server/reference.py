"""Requests about contracts and about the gateway itself."""

from typing import Any

from engine.brokers.practice.server.session import Session
from engine.brokers.practice.server.translate import (
    contract_of,
    contract_words,
    details_words,
)

Given = dict[str, Any]

DEPTH_EXCHANGES = (("ISLAND", "STK", "", "Deep2", 1), ("ARCA", "STK", "", "Deep2", 1))
EXCHANGES = ((0, "AMEX", "A"), (1, "ARCA", "P"), (2, "ISLAND", "Q"), (3, "NYSE", "N"))


def details(session: Session, given: Given) -> None:
    """reqContractDetails: every contract that fits."""
    r = given["r"] or 0
    found = session.venue.details(contract_of(given))
    if not found:
        session.error(r, 200, "No security definition has been found for the request")
        return
    for one in found:
        session.send("contractDetails", details_words(one) | {"r": r})
    session.tell("contractDetailsEnd", r=r)


def chain(session: Session, given: Given) -> None:
    """reqSecDefOptParams: the options of an underlying, one row for each exchange."""
    r = given["r"] or 0
    found = session.venue.chain(given["symbol"], given["secType"], given["underConId"] or 0)
    for one in found:
        session.tell(
            "chain",
            r=r,
            exchange=one.exchange,
            underConId=one.under_con_id,
            tradingClass=one.trading_class,
            multiplier=one.multiplier,
            expirations=one.expirations,
            strikes=one.strikes,
        )
    session.tell("chainEnd", r=r)


def search(session: Session, given: Given) -> None:
    """reqMatchingSymbols."""
    samples = [
        contract_words(match.contract)
        | {"types": match.derivatives, "description": match.description}
        for match in session.venue.search(given["pattern"])
    ]
    session.tell("symbolSamples", r=given["r"] or 0, samples=samples)


def market_rule(session: Session, given: Given) -> None:
    """reqMarketRule."""
    number = given["ruleId"] or 0
    rule = session.venue.market_rule(number)
    if rule is None:
        session.error(-1, 321, f"Error validating request: Invalid market rule id {number}")
        return
    rows = [{"lowEdge": low, "increment": step} for low, step in rule.steps]
    session.tell("marketRule", ruleId=rule.rule_id, rules=rows)


def tiers(session: Session, given: Given) -> None:
    """reqSoftDollarTiers: none."""
    session.tell("softDollarTiers", r=given["r"] or 0)


def family_codes(session: Session, given: Given) -> None:
    """reqFamilyCodes: the account has none."""
    session.tell("familyCodes", codes=[{"account": session.venue.account, "code": ""}])


def depth_exchanges(session: Session, given: Given) -> None:
    """reqMktDepthExchanges."""
    names = ("exchange", "secType", "listing", "service", "aggGroup")
    rows = [dict(zip(names, row, strict=True)) for row in DEPTH_EXCHANGES]
    session.tell("mktDepthExchanges", exchanges=rows)


def components(session: Session, given: Given) -> None:
    """reqSmartComponents."""
    rows = [{"bit": bit, "exchange": name, "letter": sign} for bit, name, sign in EXCHANGES]
    session.tell("smartComponents", r=given["r"] or 0, components=rows)


def news_providers(session: Session, given: Given) -> None:
    """reqNewsProviders: none."""
    session.tell("newsProviders")


def user(session: Session, given: Given) -> None:
    """reqUserInfo: no branding."""
    session.tell("userInfo", r=given["r"] or 0, text="")


def display_groups(session: Session, given: Given) -> None:
    """queryDisplayGroups: none."""
    session.tell("displayGroupList", r=given["r"] or 0, groups="")


def nothing(session: Session, given: Given) -> None:
    """Messages that have no answer."""


HANDLERS = {
    "reqContractDetails": details,
    "reqSecDefOptParams": chain,
    "reqMatchingSymbols": search,
    "reqMarketRule": market_rule,
    "reqSoftDollarTiers": tiers,
    "reqFamilyCodes": family_codes,
    "reqMktDepthExchanges": depth_exchanges,
    "reqSmartComponents": components,
    "reqNewsProviders": news_providers,
    "reqUserInfo": user,
    "queryDisplayGroups": display_groups,
    "subscribeToGroupEvents": nothing,
    "updateDisplayGroup": nothing,
    "unsubscribeFromGroupEvents": nothing,
    "cancelMktDepth": nothing,
    "reqNewsBulletins": nothing,
    "cancelNewsBulletins": nothing,
    "setServerLogLevel": nothing,
    "cancelCalculateImpliedVolatility": nothing,
    "cancelCalculateOptionPrice": nothing,
    "cancelHistogramData": nothing,
    "cancelHeadTimestamp": nothing,
    "startApi": nothing,
}
