"""What a person does about an alert: one entry for each kind there is.

An entry says what the kind means, what the engine has done and will do, what a person can do
with which key or command, and when it is urgent. Deny reasons have theirs in `reasons`.
"""

from typing import NamedTuple

from engine.risk.reasons import REASONS, DenyReason, Exits


class Entry(NamedTuple):
    """One entry of the runbook."""

    means: str
    engine: str  # what it has done and will do by itself
    person: str  # what can be done, with key or command
    urgent: str  # when it cannot wait


_ENTRIES_STOP = "Entries stop, exits go on."
_LOOK = "Look at the numbers: enter here, i on the order, pilothouse explain ID."
_HALTED = "Trading is HALTED: nothing is sent until a person resumes it."
_RESUME = "Find the cause in the log (0), then T and a reason, or pilothouse resume --reason TEXT."
_DATA = "The decision says so and uses what there is, or holds; it is looked at again each session."
_HELD = "The strategy holds what it has and decides again at its next slot."
_BLOCKED = "Entries of the instrument are blocked until a comparison finds both sides equal."
_RECONCILE = "Press r in Reconciliation (8), look at both sides; F or --accept ITEM with a reason."
_NOW = "At once, while a position or an order depends on it."
_SOON = "Before the next slot, if it comes again."
_NOT = "It is not: look at it at the end of the day."

ALERTS: dict[str, Entry] = {
    # orders
    "order_denied": Entry(
        "The gate denied an order; its code is part of the subject.",
        "Nothing was sent; the strategy decides anew at its next slot.",
        "Look at the refused orders: d in Signals (6); :help CODE tells about the code.",
        _SOON,
    ),
    "order_rejected": Entry(
        "The broker refused an order; its words are in the text.",
        "The order has ended; three in a row latch the strategy for half an hour.",
        _LOOK,
        _SOON,
    ),
    "order_unknown": Entry(
        "Nobody knows what became of an order: it may work, fill or be gone.",
        f"It is asked for and never sent again. {_BLOCKED}",
        "Compare with the broker's own screen; r in Reconciliation (8); then settle it.",
        _NOW,
    ),
    "order_undecided": Entry(
        "The broker gave no verdict about an order in time.",
        "It counts as UNKNOWN: it is looked up, and nothing is sent in its place.",
        "Compare with the broker's own screen, then reconcile (r in 8).",
        _NOW,
    ),
    "order_lost": Entry(
        "An order provably never reached the broker.",
        "It has ended as CANCELED; with ibkr.reissue_lost = limit a limit order goes once more.",
        "If it is still wanted: make it by hand, or wait for the strategy's next slot.",
        _SOON,
    ),
    "order_foreign": Entry(
        "An order works in the account that none of our strategies made.",
        "It is left alone; what it does to shared instruments shows as a difference.",
        "Find out who trades this account; two engines need two accounts.",
        "At once if nobody knows where it comes from.",
    ),
    "unknown_own_order": Entry(
        "The broker reports an order with our name that our journal does not have.",
        f"It is neither changed nor canceled. {_BLOCKED}",
        "Was a database restored or another one used? Reconcile (r in 8), cancel it by hand.",
        _NOW,
    ),
    "impossible_report": Entry(
        "A report would move an order to a status it cannot reach.",
        "The report is stored and changes nothing.",
        "Reconcile (r in 8); compare the order with the broker's own screen.",
        _SOON,
    ),
    "change_refused": Entry(
        "The broker did not change an order.",
        "The order works on as it was.",
        "Look at its words; cancel the order and make a new one if it is still wanted.",
        _SOON,
    ),
    "cancel_refused": Entry(
        "The broker did not cancel an order.",
        "The order goes on working and is watched.",
        "Press C on it again in Orders (4), or cancel it at the broker.",
        "At once if the order must not fill.",
    ),
    "cancel_unconfirmed": Entry(
        "The session ended while the cancel of an order was not confirmed.",
        "The order may still work at the broker; the next session takes it up.",
        "Look at the broker's own screen; start again, or cancel it there.",
        _NOW,
    ),
    "plan_incomplete": Entry(
        "Sells of a decision did not all fill.",
        "Its buys were sized on the cash there is; the rest waits for the next slot.",
        _LOOK,
        _NOT,
    ),
    "flatten_incomplete": Entry(
        "Flatten was asked and a position could not be closed.",
        "Everything else was canceled and closed; the state stays as flatten left it.",
        "Look at Positions (3) and Orders (4); ctrl+k 3 asks again; else close at the broker.",
        _NOW,
    ),
    "no_capital": Entry(
        "A strategy joined a book whose cash all belongs to others.",
        "It is in the session and can buy nothing; what the others own is theirs.",
        "Name it in --strategy when a book begins, or bring cash into the account.",
        _NOT,
    ),
    "not_replaced": Entry(
        "The order that was to take another one's place was not sent.",
        "The old order is gone, filled or works on, as the text says; nothing was sent instead.",
        "Look at Orders (4); ask for a new order if it is still wanted.",
        _SOON,
    ),
    "not_closed_out": Entry(
        "The recorded data ended with a position that was to be closed.",
        "The position is kept in the result, at its last price.",
        "Nothing to do; sim.at_end says what becomes of positions.",
        _NOT,
    ),
    # fills
    "bad_fill": Entry(
        "A fill was far worse than its reference price.",
        "It is booked as it was; two of five such fills latch the strategy.",
        _LOOK,
        _SOON,
    ),
    "fill_corrected": Entry(
        "The broker corrected an execution.",
        "Position, cash and P&L follow the correction; both executions are kept.",
        "Look at both in Fills (5).",
        _NOT,
    ),
    "fill_unmatched": Entry(
        "An execution belongs to no order of ours, or to a strategy that is not in this session.",
        f"It is booked to no strategy before its own runs again. {_BLOCKED}",
        _RECONCILE,
        _NOW,
    ),
    "fill_inferred": Entry(
        "An order filled on an earlier day while nobody listened; its executions are gone.",
        "The fill is booked as inferred, priced by the order's average or the position's cost.",
        "Compare with the broker's statement; its commission is in no report.",
        _SOON,
    ),
    "commission_missing": Entry(
        "The broker has not told the commission of a fill.",
        "It counts as unknown, never as zero; it is asked for with the next comparison.",
        "Compare the cash with the broker's statement.",
        _NOT,
    ),
    "overfill": Entry(
        "More was filled than was ordered.",
        f"All of it is booked: the shares are owned. {_BLOCKED}",
        "Compare the executions with the broker, then reconcile (r in 8).",
        _NOW,
    ),
    "contradiction": Entry(
        "An order that was refused has filled.",
        f"The fill is booked: the shares are owned. {_BLOCKED}",
        "Compare with the broker's own screen, then reconcile (r in 8).",
        _NOW,
    ),
    # account
    "reconciliation": Entry(
        "Our ledger and the broker's account are not equal, or could not be compared.",
        f"{_BLOCKED} It is compared again by itself.",
        _RECONCILE,
        "Before the next slot: no entry is sent while it lasts.",
    ),
    "baseline": Entry(
        "The account held something before this book began.",
        "It was noted as nobody's; no strategy sells it.",
        "Check that it is what the account held; otherwise stop and look.",
        _NOT,
    ),
    # link
    "link": Entry(
        "The connection to the broker is gone.",
        "Nothing is sent; it reconnects by itself and compares before anything goes on.",
        "Check the gateway and its login; pilothouse doctor names what fails.",
        "At once if positions need an exit: the broker's own application still works.",
    ),
    "weekly_login": Entry(
        "The gateway's login lasts a week: it ends on Sunday at 01:00 New York.",
        "It keeps trying to connect; nothing is sent until somebody has logged in.",
        "Log in to the gateway, on Saturday afternoon or before the next session.",
        "Before the next session opens.",
    ),
    "hours_differ": Entry(
        "The broker's trading hours are not those of our calendar: a closure, or a half day.",
        "Slots and jobs go by our calendar; orders outside the broker's hours wait there.",
        "Check the exchange's notice; set market.overrides, then start again.",
        "Before the day that is named.",
    ),
    "clock_off": Entry(
        "This machine's clock and the broker's are more than a second apart.",
        "Slots and ages follow this machine's clock; beyond 5 s entries stop (REDUCING).",
        "Let the machine synchronise its clock, then T and a reason to allow entries again.",
        _SOON,
    ),
    "data_link": Entry(
        "The connection for quotes is gone.",
        "Quotes age; entries are denied by quote_age, exits only warn. It reconnects.",
        "Check the gateway's market data farms and subscriptions.",
        _SOON,
    ),
    "broker_silent": Entry(
        "The broker has said nothing for too long.",
        "The link counts as lost: it is closed, opened again and compared.",
        "Check the gateway; restart it if it does not answer.",
        _NOW,
    ),
    "broker_code": Entry(
        "The broker sent a code that needs a person.",
        "It is in the log with its words; orders it is about have the status it says.",
        "Read the text; look the code up in the broker's list.",
        "When the text speaks of the account, margin or permissions.",
    ),
    "frame_lost": Entry(
        "A message of the broker could not be read.",
        "It is kept as it came; the account is compared, so that nothing is missed.",
        "Look at Reconciliation (8); a new gateway version may speak differently.",
        _SOON,
    ),
    "look_up_failed": Entry(
        "Asking the broker about an order failed.",
        "The order stays as it is known and is asked for again.",
        "Check the link (status line); reconcile (r in 8).",
        _SOON,
    ),
    "two_incarnations": Entry(
        "One order of ours exists twice at the broker.",
        f"{_HALTED} The account is read at once.",
        "Cancel the second one at the broker, reconcile (r in 8), then resume with T.",
        _NOW,
    ),
    # limits
    "loss_day": Entry(
        "The loss since the last snapshot has reached its limit.",
        f"{_ENTRIES_STOP} It ends by itself at the next open.",
        "Wait, or release it: resume --reason TEXT. risk.loss_day is the limit.",
        _SOON,
    ),
    "loss_severe": Entry(
        "The loss over five session dates has reached its limit.",
        f"REDUCING: {_ENTRIES_STOP.lower()} Only a person ends it.",
        "Look at Equity (e) and the last decisions (6), then T and a reason.",
        "Before the next slot: decide whether it goes on.",
    ),
    "drawdown": Entry(
        "The fall from the highest equity has reached its limit.",
        f"REDUCING: {_ENTRIES_STOP.lower()} Only a person ends it.",
        "Look at Equity (e); compare with the backtest's drawdown; then T and a reason.",
        "Before the next slot: decide whether it goes on.",
    ),
    "quality": Entry(
        "Too many orders of a strategy were rejected, got no answer or filled badly.",
        f"{_ENTRIES_STOP} After half an hour it tries one entry; each failure doubles the wait.",
        "Look at the rejections (4) and fills (5) before that.",
        _SOON,
    ),
    "connectivity": Entry(
        "The link to the broker was lost.",
        f"{_ENTRIES_STOP} They go on once the broker's account agrees with the ledger again.",
        "Check gateway and network; if they are up, look at the differences.",
        _SOON,
    ),
    # time
    "instrument_contested": Entry(
        "Several strategies of this session trade the same instrument.",
        "It belongs to whoever holds it; entries of the others are rejected meanwhile.",
        "Run them apart, give them other symbols, or set sessions.share_instruments = true.",
        "At once if a strategy is meant to trade and does not.",
    ),
    "slot_missed": Entry(
        "The moment at which a strategy decides passed without a decision.",
        "It is not made up: the position stays as it was until the next slot.",
        "Was the machine asleep or the session paused? The schedule is in pilothouse schedule.",
        "At once if the position must change today.",
    ),
    "snapshot_missing": Entry(
        "A session date has no snapshot of equity.",
        "The day's return is unknown, and the loss limits look at the snapshot before.",
        "Look at the jobs in the log (0); a missing closing price is the usual cause.",
        _SOON,
    ),
    "job_failed": Entry(
        "A job of the schedule failed; its words are in the text.",
        "It is not tried again for this session date.",
        "Look at the log (0); pilothouse doctor names what is broken.",
        _SOON,
    ),
    # strategy
    "strategy_error": Entry(
        "A strategy failed, or took more than 5 s, while it decided.",
        "Nothing of that decision was done; after five in a row it is in ERROR: exits only.",
        "The traceback is in the log file; after the cause is gone start again.",
        _NOW,
    ),
    "strategy_not_repeatable": Entry(
        "A strategy decided differently on the same input.",
        "It is in state ERROR: what cannot be repeated cannot be recovered.",
        "Look for clock, chance or outside state in it; then start again.",
        _NOW,
    ),
    "signal_conflict": Entry(
        "One signal came twice with different fields.",
        "The first one counts, the second is noted.",
        "Look at it in Signals (6); a strategy should not do that.",
        _NOT,
    ),
    "short_history": Entry(
        "There are fewer bars than the strategy's parameters ask for.", _HELD,
        "Give more history (run.data, market data), or shorter windows.", _NOT,
    ),
    "data_gap": Entry(
        "Bars that a strategy needs are missing.", _HELD,
        "Look which session: the text names it; complete the data.", _SOON,
    ),
    "no_price": Entry(
        "A leg that is held or wanted has no price.", _HELD,
        "Check market data and the symbols of the strategy.", _SOON,
    ),
    # data
    "no_bar": Entry(
        "The bar of the last session is not there.", _HELD,
        "Check the data provider; it is asked for again by itself.", _SOON,
    ),
    "no_quote": Entry(
        "An instrument has no quote at its slot.",
        "Its last final close is used where that is allowed, else it is not traded.",
        "Check market data permissions of the account.", _SOON,
    ),
    "gap": Entry(
        "The history has a hole.", _DATA,
        "Complete the data; the text names the dates.", _NOT,
    ),
    "open": Entry(
        "An opening price is far from what is believable.", _DATA,
        "Compare with another source.", _NOT,
    ),
    "bad_open": Entry(
        "An opening price cannot be right and is withheld.", _DATA,
        "Compare with another source; the bar itself was taken.", _NOT,
    ),
    "no_volume": Entry(
        "Bars have no volume.", _DATA,
        "Give data with volume, or switch off what reads it.", _NOT,
    ),
    "zero_volume": Entry(
        "The bar of the signal's symbol has no volume.", _HELD,
        "Compare with another source: a session without trades is no session.", _SOON,
    ),
    "volume": Entry(
        "The volume is far from that of the session before.", _DATA,
        "Compare with another source.", _NOT,
    ),
    "own_close": Entry(
        "A price is far from the instrument's own last close.", _DATA,
        "Look for a split, a dividend or a wrong bar.", _SOON,
    ),
    "underlying": Entry(
        "A fund did not move as its underlying did.", _DATA,
        "Look for a split of the fund, or a wrong bar.", _SOON,
    ),
    "suspected_split": Entry(
        "A price looks as if a split happened that the data does not know.", _HELD,
        "Check the split; give adjusted data; look at the position's quantity.", _NOW,
    ),
    "jump": Entry(
        "A price is many times, or a small part of, the last close.", _HELD,
        "Compare with another source.", _SOON,
    ),
    "no_line_end": Entry(
        "A data file ends in the middle of a line, or without an end of line.",
        "What could be read whole is used.",
        "Was the file still being written? Make it again.", _NOT,
    ),
    "rounded": Entry(
        "Prices of a data file have more decimals than are kept.",
        "They were rounded; results do not depend on it.",
        "Nothing to do.", _NOT,
    ),
    # the engine itself
    "check_raised": Entry(
        "A check of the gate failed to run; the order was denied.",
        "What cannot be checked is not sent.",
        "The text names check and error: report it with the log.",
        _NOW,
    ),
    "defect": Entry(
        "The engine found that it is wrong about itself.",
        _HALTED,
        f"pilothouse db check tells whether the journal is whole. {_RESUME}",
        _NOW,
    ),
    "task_failed": Entry(
        "A part of the engine that runs by itself died.",
        "It is started again, after 1 to 60 s; the fifth death within ten minutes halts.",
        "The traceback is in the log file. If it halted: start again, then resume.",
        _NOW,
    ),
    "writer_stalled": Entry(
        "The database took too long to write.",
        f"{_HALTED} Nothing was sent that was not written.",
        f"Check disk and other programs. {_RESUME}",
        _NOW,
    ),
    "disk_low": Entry(
        "The disk of the database has less than 1 GiB free.",
        "It goes on. When the disk is full nothing can be written, and trading is HALTED.",
        "Make room: old backups beside the database, logs. It resolves by itself.",
        _NOW,
    ),
    "log_long": Entry(
        "The database's write-ahead log has grown beyond 64 MB: somebody reads without an end.",
        "It goes on writing; the log is emptied once nobody holds it.",
        "The text names the processes that hold it open: end the one that hangs.",
        _SOON,
    ),
    "requests_unreadable": Entry(
        "The file of requests could not be read.",
        f"{_ENTRIES_STOP} It is tried again; ctrl+k reaches the engine another way.",
        "Check disk and permissions of the database's folder.",
        _NOW,
    ),
}  # fmt: skip


_EXITS = {
    Exits.DENIED: "denied too",
    Exits.WAITS: "sent when it passes",
    Exits.WARNED: "sent, with a warning",
    Exits.FREE: "sent: the check is for entries alone",
}


def runbook(code: str) -> Entry | None:
    """Return the entry of an alert kind or a deny reason; None for a word that is neither."""
    if code in ALERTS:
        return ALERTS[code]
    if code not in {reason.value for reason in DenyReason}:
        return None
    row = REASONS[DenyReason(code)]
    exits = f"An exit that fails this check is {_EXITS[row.exits]}."
    return Entry(row.sentence, f"The order was not sent. {exits}", row.runbook, _SOON)
