"""From a key press to a request: arming, the guard against type-ahead, and every question.

Nothing here changes anything by itself. `ask` commits one row to the request file; what came
of it is read back from the journal like everything else. Facts and ids are those of the key
press, and each question has the id of its request from the start: an answer given twice is
one request.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from engine.domain.ids import RequestId
from engine.domain.request import Request, RequestKind
from engine.domain.times import parse_utc
from engine.runtime.ids import request_id
from tui.dialogs.confirm import Facts, Question, reason_needed, word_needed
from tui.format import (
    BLANK,
    Shown,
    age,
    countdown,
    exchange_time,
    number,
    price,
    quantity,
    safe,
    say,
    word,
)
from tui.view import Row, View, instant

if TYPE_CHECKING:
    from engine.ports import Clock, IdSource

ENDED = frozenset({"DENIED", "FILLED", "CANCELED", "EXPIRED", "REJECTED", "DRY_RUN"})
ARM_MINUTES = {"1": 5, "2": 15, "3": 60}
KEY_AGE_S = 0.5
ESC_S = 0.5
STALL_S = 10.0

Commit = Callable[[Request], None]


@dataclass(slots=True)
class Arming:
    """Whether engine and market keys work now; belongs to one screen."""

    until: float | None = None
    _last_tick: float | None = None

    @property
    def armed(self) -> bool:
        """Whether it is armed now."""
        return self.until is not None and monotonic() < self.until

    @property
    def shown(self) -> Shown:
        """What the status line says."""
        if not self.armed or self.until is None:
            return Shown("safe")
        return say("ARMED {}", countdown(self.until - monotonic()))

    def arm(self, minutes: int) -> None:
        """Arm for some minutes."""
        self.until = monotonic() + minutes * 60

    def disarm(self) -> bool:
        """Disarm; say whether it was armed."""
        was = self.armed
        self.until = None
        return was

    def tick(self, unseen_s: float = 0.0) -> bool:
        """Once a second: a screen that stood still disarms itself. Say whether it did.

        `unseen_s` is for how long the terminal has not taken what was painted.
        """
        now = monotonic()
        last, self._last_tick = self._last_tick, now
        if unseen_s > STALL_S or (last is not None and now - last > STALL_S):
            return self.disarm()
        return False


@dataclass(frozen=True, slots=True)
class Asked:
    """The last request of this screen."""

    request_id: RequestId
    kind: str
    asked_at: float  # monotonic

    @property
    def age_s(self) -> float:
        """Seconds since it was asked."""
        return monotonic() - self.asked_at


class Requests:
    """Makes requests and commits them, one row each."""

    def __init__(self, commit: Commit, clock: "Clock", ids: "IdSource", actor: str) -> None:
        self._commit = commit
        self._clock = clock
        self._ids = ids
        self.actor = actor
        self.last: Asked | None = None

    @property
    def last_id(self) -> RequestId | None:
        """The id of the last request of this screen."""
        return self.last.request_id if self.last is not None else None

    def new_id(self) -> RequestId:
        """Return an id for the request that a question may become."""
        return request_id(self._clock.wall(), self._ids.bits(80))

    def make(
        self,
        kind: RequestKind,
        reason: str,
        args: Mapping[str, str] | None = None,
        asked_as: RequestId | None = None,
    ) -> Request:
        """Return a request of this screen's person, not yet asked."""
        return Request(
            request_id=asked_as or self.new_id(),
            kind=kind,
            actor=self.actor,
            reason=reason,
            args=dict(args or {}),
            asked_at=self._clock.wall(),
        )

    def ask(
        self,
        kind: RequestKind,
        reason: str,
        args: Mapping[str, str] | None = None,
        asked_as: RequestId | None = None,
    ) -> RequestId:
        """Commit a request; on return it is written. Raises what the request file raises."""
        request = self.make(kind, reason, args, asked_as)
        self._commit(request)
        self.last = Asked(request.request_id, kind.value, monotonic())
        return request.request_id


@dataclass(slots=True)
class KeyGuard:
    """Drops keys that were typed at a screen that was not there."""

    pressed_at: float = 0.0  # when the byte of the last key was read
    escaped_at: float = -10.0
    unseen_since: float | None = None  # since when the terminal does not take what is painted

    @property
    def unseen_s(self) -> float:
        """For how long the person has not seen what was painted."""
        return 0.0 if self.unseen_since is None else monotonic() - self.unseen_since

    def tick(self, *, waiting: bool) -> None:
        """Once a second: note whether output waits for the terminal."""
        if not waiting:
            self.unseen_since = None
        elif self.unseen_since is None:
            self.unseen_since = monotonic()

    def refuses(self) -> Shown:
        """Return why an engine or market key is dropped now, blank if it is not."""
        now = monotonic()
        if self.unseen_s > KEY_AGE_S:
            return Shown("the terminal stood still when that key was typed: press it again")
        if self.pressed_at and now - self.pressed_at > KEY_AGE_S:
            return Shown("that key was typed too long ago: press it again")
        if now - self.escaped_at < ESC_S:
            return Shown("too soon after esc: press it again")
        return BLANK


# -- questions -----------------------------------------------------------------------------


def session_facts(view: View) -> Facts:
    """Return the first fact of every question: mode, account, trading state."""
    session, state = view["session"].first(), view["trading"].first()
    return (
        say(
            "{} account {} · trading state {}",
            word(session["mode"].upper()) if session else Shown("·"),
            word(session.get("account")) if session else Shown("·"),
            word(state["state"]) if state else Shown("·"),
        ),
    )


def engine_facts(view: View) -> Facts:
    """Return which engine an attached screen is on; nothing where it is in this process."""
    engine = view["engine"].first()
    if engine is None or engine["pid"] is None:
        return ()
    since = exchange_time(parse_utc(engine["since"]))
    return (say("attached to pid {}, since {} ET", Shown(str(engine["pid"])), since),)


def arm_question(then: Callable[[str, str], None], view: View) -> Question:
    """Ask for how long."""
    return Question(
        Shown("ARM this screen?"),
        (*session_facts(view), Shown("Armed, the keys that cancel and release work.")),
        tuple((key, say("{} minutes", Shown(str(m)))) for key, m in ARM_MINUTES.items()),
        then,
        danger=False,
    )


def leave_question(then: Callable[[str, str], None], view: View) -> Question:
    """Ask what becomes of the session that runs in this process."""
    return Question(
        Shown("LEAVE?"),
        (*session_facts(view), Shown("The session runs in this process.")),
        (("s", Shown("stop it and leave")), ("d", Shown("leave it running without a screen"))),
        then,
        danger=False,
    )


def cancel_question(order: Row, then: Callable[[str, str], None], view: View) -> Question:
    """Ask whether to cancel one working order, with the facts of the key press."""
    moment = view.moment
    return Question(
        say("CANCEL {} {}?", word(order["side"]), word(order["symbol"])),
        (
            *session_facts(view),
            say(
                "{} {} of {} {} {} · filled {}",
                word(order["side"]),
                quantity(order["quantity"]),
                word(order["symbol"]),
                word(order["order_type"]),
                price(order["limit_price"]) if order["limit_price"] is not None else BLANK,
                quantity(order["filled"]),
            ),
            say(
                "status {} since {} · owner {} · {}",
                word(order["status"]),
                age(moment.age(instant(order, "created_at"))),
                word(order["strategy_id"]),
                safe(order["order_id"]),
            ),
            Shown("The owner decides anew at its next slot and may ask for it again."),
        ),
        (("y", Shown("cancel it")),),
        then,
    )


def flatten_question(then: Callable[[str, str], None], facts: Facts) -> Question:
    """Ask for the word that closes everything our strategies own."""
    return Question(
        Shown("FLATTEN: close every owned position, then HALT?"),
        facts,
        (),
        then,
        typed=word_needed("FLATTEN"),
    )


def cancel_all_question(then: Callable[[str, str], None], facts: Facts) -> Question:
    """Ask whether to cancel exits and protective orders too."""
    return Question(
        Shown("CANCEL ALL working orders, exits and protective ones too?"),
        facts,
        (("y", Shown("cancel all")),),
        then,
    )


def reason_question(
    title: Shown, facts: Facts, then: Callable[[str, str], None], *, danger: bool = True
) -> Question:
    """Ask for a reason."""
    return Question(title, facts, (), then, typed=reason_needed(Shown("reason:")), danger=danger)


def state_question(then: Callable[[str, str], None], view: View, *, armed: bool) -> Question:
    """Ask which trading state; only what tightens needs no arming."""
    state = view["trading"].first()
    name = state["state"] if state else ""
    facts = [*session_facts(view), *engine_facts(view)]
    if state and name != "ACTIVE":
        facts.append(
            say(
                "since {} by {}: {}",
                age(view.moment.age(instant(state, "since"))),
                safe(state["actor"] or "·"),
                safe(state["reason"] or "·", 120),
            )
        )
    if name != "ACTIVE" and not armed:
        facts.append(Shown("Loosening it needs arming first: ctrl+o."))
    answers: list[tuple[str, Shown]] = []
    if name != "HALTED":
        answers.append(("h", Shown("halt: nothing is sent")))
    if name == "ACTIVE" or (name == "HALTED" and armed):
        answers.append(("r", Shown("reduce: exits only…")))
    if name != "ACTIVE" and armed:
        answers.append(("a", Shown("active: all orders…")))
    return Question(Shown("TRADING STATE"), tuple(facts), tuple(answers), then, anywhere=True)


def stop_facts(view: View) -> Facts:
    """Return what has happened since the stop key, in live counts; never what will."""
    state = view["trading"].first()
    counts = view["counts"].first()
    if state is None or counts is None:
        return (Shown("halt asked; nothing read back yet"),)
    return (
        say(
            "trading state {} · asked by {}: {}",
            word(state["state"]),
            safe(state["actor"] or "·"),
            safe(state["reason"] or "·", 60),
        ),
        say(
            "still working {} · cancels not confirmed {} · positions left {} · worth {}",
            number(counts["working"], 0),
            number(counts["canceling"], 0),
            number(counts["positions"], 0),
            number(counts["positions_value"], 0),
        ),
    )


def stop_question(
    then: Callable[[str, str], None], facts: Callable[[], Facts], *, may_reduce: bool
) -> Question:
    """Return the panel that stays after the stop key."""
    answers = [("2", Shown("cancel all…")), ("3", Shown("flatten…"))]
    if may_reduce:
        answers.append(("4", Shown("only reduce…")))
    title = Shown("EMERGENCY STOP")
    return Question(title, facts, tuple(answers), then, lasts_s=None, anywhere=True)
