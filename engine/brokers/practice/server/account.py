"""Requests about the account: numbers, portfolio, positions, profit and loss."""

from typing import Any

from engine.brokers.practice.model import Contract, Kind, Refusal, Subscription
from engine.brokers.practice.server.session import NO_ID, Session, Stream
from engine.brokers.practice.server.translate import (
    account_words,
    portfolio_words,
    position_words,
)

Given = dict[str, Any]

REFRESH_S = 180
SUMMARIES_MAX = 2
LEDGER = frozenset(
    {"NetLiquidation", "TotalCashValue", "CashBalance", "TotalCashBalance", "StockMarketValue"}
)


def accounts(session: Session, given: Given) -> None:
    """reqManagedAccts."""
    session.tell("managedAccounts", accounts=session.venue.account)


def updates(session: Session, given: Given) -> None:
    """reqAccountUpdates: all now, then each three minutes and on change."""
    if not session.knows_account(NO_ID, given["account"]):
        return
    session.wants_account = given["subscribe"]
    if not session.wants_account:
        return
    _send_all(session)
    if not session.refreshes_account:  # however often it is asked for, one clock
        session.refreshes_account = True
        _refresh_later(session)


def _send_all(session: Session) -> None:
    venue = session.venue
    for value in venue.account_values():
        session.send("accountValue", account_words(value, venue.account))
    for row in venue.portfolio():
        session.send("portfolio", portfolio_words(row))
    session.tell("accountTime", time=session.clock(venue.now()).split()[1][:5])
    session.tell("accountDownloadEnd", account=venue.account)


def _refresh_later(session: Session) -> None:
    def refresh() -> None:
        session.refreshes_account = session.is_open and session.wants_account
        if session.refreshes_account:
            _send_all(session)
            session.later(REFRESH_S, refresh)

    session.later(REFRESH_S, refresh)


def positions(session: Session, given: Given) -> None:
    """reqPositions: all now, later each that changes."""
    session.wants_positions = True
    for row in session.venue.positions():
        session.send("position", position_words(row))
    session.tell("positionEnd")


def no_positions(session: Session, given: Given) -> None:
    """cancelPositions."""
    session.wants_positions = False


def positions_multi(session: Session, given: Given) -> None:
    """reqPositionsMulti."""
    r = given["r"] or 0
    if not session.knows_account(r, given["account"]):
        return
    session.positions_multi.add(r)
    for row in session.venue.positions():
        session.send("positionMulti", position_words(row) | {"r": r})
    session.tell("positionMultiEnd", r=r)


def no_positions_multi(session: Session, given: Given) -> None:
    """cancelPositionsMulti."""
    session.positions_multi.discard(given["r"] or 0)


def updates_multi(session: Session, given: Given) -> None:
    """reqAccountUpdatesMulti."""
    r = given["r"] or 0
    if not session.knows_account(r, given["account"]):
        return
    ledger_only = session.account_multi[r] = given["ledgerAndNLV"]
    venue = session.venue
    for value in venue.account_values():
        if not ledger_only or value.key in LEDGER:
            words = account_words(value, venue.account)
            session.send("accountUpdateMulti", words | {"r": r})
    session.tell("accountUpdateMultiEnd", r=r)


def no_updates_multi(session: Session, given: Given) -> None:
    """cancelAccountUpdatesMulti."""
    session.account_multi.pop(given["r"] or 0, None)


def summary(session: Session, given: Given) -> None:
    """reqAccountSummary: at most two at a time."""
    r = given["r"] or 0
    if r not in session.summaries and len(session.summaries) >= SUMMARIES_MAX:
        session.error(
            r, 322, "Error processing request: Maximum number of account summary requests exceeded"
        )
        return
    is_new = r not in session.summaries
    session.summaries[r] = frozenset(filter(None, given["tags"].replace(" ", "").split(",")))
    _send_summary(session, r)
    if is_new:
        _summary_later(session, r)


def _send_summary(session: Session, r: int) -> None:
    tags = session.summaries[r]
    for value in session.venue.account_values():
        if not tags or value.key in tags or any(tag.startswith("$LEDGER") for tag in tags):
            words = account_words(value, session.venue.account)
            session.send("accountSummary", words | {"r": r})
    session.tell("accountSummaryEnd", r=r)


def _summary_later(session: Session, r: int) -> None:
    tags = session.summaries[r]

    def refresh() -> None:
        if session.is_open and session.summaries.get(r) is tags:
            _send_summary(session, r)
            session.later(REFRESH_S, refresh)

    session.later(REFRESH_S, refresh)


def no_summary(session: Session, given: Given) -> None:
    """cancelAccountSummary."""
    session.summaries.pop(given["r"] or 0, None)


def pnl(session: Session, given: Given) -> None:
    """reqPnL: each second."""
    _subscribe(session, given, Kind.PNL)


def pnl_single(session: Session, given: Given) -> None:
    """reqPnLSingle: each second, of one contract."""
    _subscribe(session, given, Kind.PNL_SINGLE)


def _subscribe(session: Session, given: Given, kind: Kind) -> None:
    r = given["r"] or 0
    if not session.knows_account(r, given["account"]):
        return
    contract = Contract(con_id=given.get("conId") or 0)
    if kind is Kind.PNL_SINGLE:
        found = session.venue.qualify(contract)
        if isinstance(found, Refusal):
            session.refuse(r, found)
            return
        contract = found
    wanted = Subscription(key=(session.client_id, r), kind=kind, contract=contract)
    refusal = session.venue.subscribe(wanted)
    if refusal is not None:
        session.refuse(r, refusal)
        return
    session.streams[r] = Stream(kind=kind, contract=contract)


HANDLERS = {
    "reqManagedAccts": accounts,
    "reqAccountUpdates": updates,
    "reqPositions": positions,
    "cancelPositions": no_positions,
    "reqPositionsMulti": positions_multi,
    "cancelPositionsMulti": no_positions_multi,
    "reqAccountUpdatesMulti": updates_multi,
    "cancelAccountUpdatesMulti": no_updates_multi,
    "reqAccountSummary": summary,
    "cancelAccountSummary": no_summary,
    "reqPnL": pnl,
    "reqPnLSingle": pnl_single,
}
