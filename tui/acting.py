"""Engine and market keys of tables: the row of the key press, a question, then a request.

Ids and facts are those of the key press; the engine looks again before it does anything.
"""

from engine.domain.ids import RequestId
from engine.domain.request import RequestKind
from tui import steering
from tui.dialogs.confirm import Question, reason_needed
from tui.format import Shown, fit, money, safe, say, short_id, whole, word
from tui.messages import AcceptWanted, CancelShownWanted, SettleWanted
from tui.tickets import Tickets
from tui.view import Row

SETTLED_AS = {
    "c": ("CANCELED", Shown("it was canceled")),
    "e": ("EXPIRED", Shown("it expired")),
    "r": ("REJECTED", Shown("the broker refused it")),
}
IDS_AT_MOST = 20
IDS_OF_A_LINE = 10


class Acting(Tickets, inherit_bindings=False):
    """The application under the engine and market keys of its tables."""

    def on_cancel_shown_wanted(self, message: CancelShownWanted) -> None:
        """Cancel every working order that is shown, by the ids of the key press."""
        if self.options.read_only or not self._may_act():
            return
        orders = message.orders
        if not orders:
            self.say_hint(Shown("no working order is shown"))
        elif len(orders) > IDS_AT_MOST:
            most = whole(IDS_AT_MOST)
            self.say_hint(say("{} are shown, {} at most: filter", whole(len(orders)), most))
        else:
            asked = [(self.requests.new_id(), str(row["order_id"])) for row in orders]
            self.ask(self._cancel_shown_question(asked, message.hidden))

    def _cancel_shown_question(
        self, asked: list[tuple[RequestId, str]], hidden: int
    ) -> Question:  # fmt: skip
        def cancel(_: str, __: str) -> None:
            for request_id, order_id in asked:
                self.request(RequestKind.CANCEL, "key W", request_id, order_id=order_id)

        ids = [short_id(order_id) for _, order_id in asked]
        lines = [ids[n : n + IDS_OF_A_LINE] for n in range(0, len(ids), IDS_OF_A_LINE)]
        rest = Shown("Exits and protective orders among them too.")
        if hidden:
            rest = say("{} Not shown, so not canceled: {}.", rest, whole(hidden))
        return Question(
            say("CANCEL {} WORKING ORDERS?", whole(len(ids))),
            (*steering.session_facts(self.view), *(Shown(" ".join(row)) for row in lines), rest),
            (("y", Shown("cancel them")),),
            cancel,
        )

    def on_settle_wanted(self, message: SettleWanted) -> None:
        """Say what became of an order that nobody knows the end of."""
        order = message.order
        if self.options.read_only or not self._may_act():
            return
        if message.selection_changed:
            self.say_hint(Shown("selection changed: look, then press again"))
        elif order is None or order["status"] != "UNKNOWN":
            self.say_hint(Shown("only an UNKNOWN order is settled: u shows them"))
        else:
            asked_as = self.requests.new_id()
            facts = (*steering.session_facts(self.view), order_fact(order), ASK_FIRST)
            answers = tuple((key, label) for key, (_, label) in SETTLED_AS.items())
            self.ask(
                Question(
                    say("SETTLE {}?", short_id(order["order_id"])),
                    facts,
                    answers,
                    lambda key, _: self._settle(order, SETTLED_AS[key][0], asked_as),
                )
            )

    def _settle(self, order: Row, status: str, asked_as: RequestId) -> None:
        def send(_: str, reason: str) -> None:
            self.request(
                RequestKind.SETTLE, reason, asked_as, order_id=str(order["order_id"]),
                status=status,
            )  # fmt: skip

        title = say("SETTLE {} as {}", short_id(order["order_id"]), Shown(status))
        facts = (*steering.session_facts(self.view), order_fact(order))
        self.ask(steering.reason_question(title, facts, send))

    def on_accept_wanted(self, message: AcceptWanted) -> None:
        """Accept a difference with the broker as it is, for a reason."""
        found = message.difference
        if self.options.read_only or not self._may_act():
            return
        if found is None:
            self.say_hint(Shown("choose a difference first: ↓"))
            return
        asked_as = self.requests.new_id()

        def send(_: str, reason: str) -> None:
            self.request(
                RequestKind.ACCEPT_DIFFERENCE, reason, asked_as, item=str(found["item"])
            )  # fmt: skip

        effect = money(found["effect"], signed=True)
        self.ask(
            Question(
                say("ACCEPT the difference {}?", safe(found["item"], 60)),
                (
                    *steering.session_facts(self.view),
                    say("{} · effect {}", word(found["kind"]), effect),
                    say("ours {} · broker {}", safe(found["ours"], 30), safe(found["theirs"], 30)),
                    Shown("It no longer blocks; our ledger stays as it is."),
                ),
                (),
                send,
                typed=reason_needed(Shown("reason:")),
            )
        )


ASK_FIRST = Shown("Look into the broker's own screens first: a fill may still be reported.")


def order_fact(order: Row) -> Shown:
    """Return an order in one line of a question."""
    return say(
        "{} {} {} · filled {} · {}",
        word(order["side"]),
        whole(int(order["quantity"])),
        fit(word(order["symbol"]), 6),
        whole(int(order["filled"])),
        safe(order["order_id"]),
    )
