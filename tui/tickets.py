"""The order ticket at work: typed, previewed by the engine, confirmed, looked at again.

What is under the cursor is taken at the key press. Each step waits for what the engine has
written: the preview opens the question, and an answer CHANGED opens it anew with what is
different. Any other question, the stop panel above all, ends a ticket that is open.
"""

import json
from dataclasses import dataclass
from time import monotonic

from engine.domain.ids import RequestId
from engine.domain.order import OrderType
from engine.domain.request import RequestKind
from engine.domain.ticket import Action, Ticket
from engine.errors import SettingsError
from tui import steering
from tui.dialogs import ticket as tickets
from tui.dialogs.confirm import MIN_COLUMNS, MIN_ROWS, TOO_SMALL, Question
from tui.dialogs.ticket import Preview
from tui.format import (
    BLANK,
    Shown,
    age,
    cell,
    quantity,
    safe,
    say,
    short_id,
    slot,
    when,
    word,
)
from tui.messages import Changed, TicketWanted
from tui.view import Row, instant
from tui.wishes import Wishes


@dataclass(slots=True)
class _Waiting:
    """A ticket whose preview, or whose order, the engine has been asked for."""

    ticket: Ticket
    request_id: RequestId
    asked_at: float  # monotonic
    question: Question | None  # what stands on the screen meanwhile; None: nothing


class Tickets(Wishes, inherit_bindings=False):
    """The application as a person who trades by hand sees it."""

    _waiting: _Waiting | None = None

    def _may_trade(self) -> bool:
        """The guards in front of every market key."""
        if self.options.read_only or not self._may_act():
            return False
        if self.size.width < MIN_COLUMNS or self.size.height < MIN_ROWS:
            self.say_hint(TOO_SMALL)
            return False
        return True

    # -- keys -------------------------------------------------------------------------------

    def action_buy(self) -> None:
        """Type what is to be bought."""
        self._open_ticket(Action.BUY)

    def action_sell(self) -> None:
        """Type what is to be sold of what manual owns."""
        self._open_ticket(Action.SELL)

    def _open_ticket(self, action: Action) -> None:
        if self._may_trade():
            pane = self.dashboard.panes[self.dashboard.current]
            row = None if pane.row_left else pane.row
            symbol = (row or {}).get("symbol")
            known = symbol if isinstance(symbol, str) and symbol.isascii() else ""
            self._type(Ticket(action=action, symbol=known), BLANK)

    def on_ticket_wanted(self, message: TicketWanted) -> None:
        """Close, reduce or replace what was under the cursor at the key press."""
        row = message.row
        if not self._may_trade():
            return
        if message.selection_changed:
            self.say_hint(Shown("selection changed: look, then press again"))
        elif row is None:
            self.say_hint(Shown("choose a row first: ↓"))
        elif not row["strategy_id"]:
            self.say_hint(Shown("no strategy owns it: it is shown and never traded"))
        elif message.action is Action.CLOSE:
            self._preview(tickets.of_position(Action.CLOSE, row))
        elif message.action is Action.REDUCE:
            owns = say(
                "{} owns {} {}",
                word(row["strategy_id"]),
                quantity(row["quantity"]),
                cell(row["symbol"]),
            )
            self._type(tickets.of_position(Action.REDUCE, row), owns)
        else:
            self._replace(row)

    def _replace(self, row: Row) -> None:
        if row["status"] in steering.ENDED:
            self.say_hint(say("this order has ended: {}", safe(row["status"])))
        elif row.get("decision_id"):
            owner = word(row["strategy_id"])
            self.say_hint(say("{} decided this order: C cancels it, it decides anew", owner))
        elif row["order_type"] not in {kind.value for kind in OrderType}:
            self.say_hint(say("no such order type: {}", safe(row["order_type"])))
        else:
            about = say("{}: {} filled", short_id(row["order_id"]), quantity(row["filled"]))
            self._type(tickets.of_order(row), about)

    def type_order(self, action: Action, words: str) -> None:
        """Ask for a preview of what was typed after `:buy` or `:sell`."""
        if not self._may_trade():
            return
        try:
            self._preview(tickets.typed_ticket(words, Ticket(action=action)))
        except SettingsError as wrong:
            self.say_hint(safe(str(wrong), 200))

    def close_symbol(self, symbol: str) -> None:
        """Close the one position of this symbol that a strategy owns."""
        rows = self.view["positions"].rows or ()
        found = [
            row
            for row in rows
            if row["symbol"] == symbol.upper() and row["quantity"] and row["strategy_id"]
        ]
        if len(found) != 1:
            many = Shown(str(len(found)))
            self.say_hint(say("{} owned positions of {}: look at 3", many, safe(symbol, 20)))
        else:
            self.post_message(TicketWanted(Action.CLOSE, found[0], selection_changed=False))

    # -- from typed to asked ----------------------------------------------------------------

    def _type(self, ticket: Ticket, about: Shown) -> None:
        facts = steering.session_facts(self.view)
        first = say("{} · {}", facts[0], about) if about else facts[0]
        question = tickets.entry_question(
            ticket,
            lambda _, text: self._preview(tickets.typed_ticket(text, ticket)),
            (first,),
            lambda: self.dashboard.confirm.text_typed,
        )
        self.ask(question)

    def _preview(self, ticket: Ticket) -> None:
        asked = self.requests.new_id()
        if not self.request(RequestKind.PREVIEW, "ticket", asked, **ticket.to_args()):
            return
        began = monotonic()
        question = tickets.waiting_question(ticket, lambda: self._waits_since(began))
        self.ask(question)
        self._waiting = _Waiting(ticket, asked, began, question)

    def _waits_since(self, began: float) -> Shown:
        waited = age(monotonic() - began)
        return say("asked the engine what it would be and do, {} ago; nothing is sent", waited)

    # -- what the engine answers ------------------------------------------------------------

    def on_changed(self, event: Changed) -> None:
        """Show what was read; go on with a ticket whose answer is there."""
        waiting = self._waiting  # the shell, told after this, shows the rest
        if waiting is None:
            return
        confirm = self.dashboard.confirm
        if waiting.question is not confirm.question:
            self._waiting = None  # left by esc, or another question took its place
            return
        self.view = event.view
        for row in self.view["answers"].rows or ():
            if row["request_id"] == waiting.request_id and row["kind"] == "RequestAnswered":
                self._waiting = None
                self._answered(waiting, row)
                return

    def _answered(self, waiting: _Waiting, row: Row) -> None:
        ready = "DONE" if waiting.question is not None else "CHANGED"
        preview = _preview_of(row)
        if row["result"] == ready and preview is not None:
            self._confirm(waiting.ticket, preview)
        elif waiting.question is not None:
            self.dashboard.confirm.close()
            self.say_hint(say("NOT SENT {}", safe(row["text"], 200)))

    def _confirm(self, ticket: Ticket, preview: Preview) -> None:
        asked = self.requests.new_id()
        session, beat = self.view["session"].first(), self.view["beat"].first()
        mode = str(session["mode"]) if session is not None else ""
        account = str(session.get("account") or "") if session is not None else ""
        of = say("…{}", cell(account[-4:])) if mode in ("paper", "live") else cell(account)
        head = say("{} {}  question {}", word(mode.upper()), of, Shown(asked[-6:]))
        name, _, at = (str(beat.get("next_slot") or "") if beat is not None else "").partition(" ")
        due = when(instant({"at": at or None}, "at"), self.view.moment.session_date)
        next_slot = say("; it decides anew at {} {}", slot(name or None), due)
        value = tickets.number_of(preview["value"]) or 0

        def answered(key: str, text: str) -> None:
            if key == tickets.CHECKS_KEY:
                title = say("Checks of this very order: {}", tickets.order_line(preview))
                self.dashboard.show_text(title, tickets.check_lines(preview))
                self.ask(question)
            else:
                self._send(ticket, preview, asked, text or key)

        question = tickets.order_question(
            preview,
            answered,
            head,
            session=steering.session_facts(self.view),
            next_slot=next_slot,
            by_word=mode == "live" and value > self.options.type_quantity_above_usd,
        )
        self.ask(question)

    def _send(self, ticket: Ticket, preview: Preview, asked: RequestId, answer: str) -> None:
        """One request for one question, however often it is answered."""
        if not self.arming.armed:
            self.say_hint(Shown("disarmed in the meantime: nothing was sent"))
            return
        shown = (tickets.order_line(preview), tickets.effect_line(preview))
        args = tickets.order_args(ticket, preview, shown, answer)
        args["band_bps"] = str(self.options.price_band_bps)
        if self.request(RequestKind.ORDER, f"ticket {ticket.action.value}", asked, **args):
            self._waiting = _Waiting(ticket, asked, monotonic(), None)


def _preview_of(row: Row) -> Preview | None:
    """Return the preview in an answer, None where there is none that can be read."""
    try:
        found = json.loads(row.get("preview") or "null")
    except ValueError:
        return None
    return found if isinstance(found, dict) and "seen" in found else None
