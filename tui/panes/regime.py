"""Regime: the cell, what is held and what is new, and the decision tree as it was stored.

The screen computes no regime and knows no threshold: every line of the tree is a step of the
stored decision.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from engine.domain.regime import CELL_NAMES
from tui.actions import bindings
from tui.format import (
    UNKNOWN,
    Shown,
    cell,
    clip,
    day,
    fit,
    number,
    percent,
    safe,
    say,
    slot,
    whole,
    word,
)
from tui.panes.pane import Pane
from tui.panes.positions import valued
from tui.view import Moment, Row, View, session_day
from tui.widgets.chart import cells
from tui.widgets.lines import Line, Span, line
from tui.widgets.table import Column

STRIP_SESSIONS = 60


def _step_name(row: Row, _: Moment) -> Shown:
    n = row["number"] if row["first"] else ""
    return say("{} {}", fit(Shown(str(n)), 2, right=True), cell(row["name"]))


def _result(row: Row, _: Moment) -> Shown:
    return say("≈ {}", cell(row["result"])) if row["near"] else cell(row["result"])


COLUMNS = (
    Column(Shown("Step"), 16, _step_name),
    Column(Shown("Value"), 17, lambda r, m: cell(r["value"])),
    Column(Shown("Test"), 20, lambda r, m: cell(r["test"])),
    Column(Shown("Result"), 10, _result, lambda r, m: "warn" if r["near"] else "key"),
    Column(
        Shown("Distance"), 11, lambda r, m: cell(r["distance"]),
        lambda r, m: "warn" if r["near"] else "plain", right=True,
    ),
)  # fmt: skip


class RegimePane(Pane):
    """Card on top, decision tree below; `[` and `]` go through the decisions before."""

    BINDINGS = [*bindings("regime")]

    pane = "regime"
    title = Shown("Regime")
    topics = ("decision", "readings", "positions")
    id_columns = ("decision_id",)
    columns = COLUMNS

    def __init__(self) -> None:
        super().__init__()
        self.past: int | None = None  # the seq of a decision before the newest

    @property
    def more_topics(self) -> frozenset[str]:
        """Where the decisions are, and the one that is looked at."""
        newest = shown_decision(self.view) if self.view is not None else None
        found = set() if newest is None else {f"decisions:{newest['strategy']}"}
        return frozenset(found | ({f"past:{self.past}"} if self.past is not None else set()))

    def _decision(self, view: View) -> Row | None:
        if self.past is None:
            return shown_decision(view)
        return view[f"past:{self.past}"].first()

    def rows_of(self, view: View) -> Iterable[tuple[str, Row]]:
        """The ten steps; a step of several lines shows its number once."""
        decision = self._decision(view)
        if decision is None:
            return
        before = None
        for n, step in enumerate(decision["steps"]):
            first = step["number"] != before
            before = step["number"]
            row = {**step, "first": first, "decision_id": decision["decision_id"]}
            yield str(n), row

    def title_parts(self, view: View) -> list[Shown]:
        """Strategy, preset, date and slot of the decision."""
        decision = self._decision(view)
        if decision is None:
            return []
        named = say("{} {}", word(decision["strategy"]), word(decision["preset"]))
        return [named] if self.past is not None else [named, _when(decision)]

    def title_line(self) -> Line:
        """A decision of the past has its date reversed."""
        found = super().title_line()
        decision = self._decision(self.view) if self.view is not None else None
        if self.past is None or decision is None:
            return found
        ink = "cursor" if self.has_focus else "titled"
        date = Span(say(" {} ", _when(decision)), ink)
        return Line((*found.spans, Span(Shown(" ")), date, Span(Shown(" esc newest"))), found.ink)

    def heading(self) -> tuple[Line, ...]:
        """Title and card."""
        decision = self._decision(self.view) if self.view is not None else None
        if self.view is None or decision is None:
            return super().heading()
        if self.past is None:
            card = regime_card(self.view, self.size.width)
        else:
            card = past_card(self.view, decision, self.size.width)
        return (self.title_line(), *card, line())

    # -- keys ------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A replay has a clock for this; at the newest decision the key is the engine's."""
        if action in ("older", "newer") and "replay" in getattr(self.screen, "contexts", ()):
            return False
        if action == "newer" and self.past is None:
            return False
        return super().check_action(action, parameters)

    def action_older(self) -> None:
        """The decision before."""
        self._go(-1)

    def action_newer(self) -> None:
        """The decision after; after the last of the past comes the newest."""
        self._go(1)

    def _go(self, step: int) -> None:
        newest = shown_decision(self.view) if self.view is not None else None
        if self.view is None or newest is None:
            return
        seqs = [row["seq"] for row in self.view[f"decisions:{newest['strategy']}"].rows or ()]
        at = seqs.index(self.past) if self.past in seqs else len(seqs) - 1
        to = max(0, at + step)
        if not seqs or to == at:
            self.say(Shown("no decision before this one"))
            return
        self.past = seqs[to] if to < len(seqs) - 1 else None
        self.cursor = None
        self.wants_more()
        self.show(self.view)
        self.flush()

    def back(self) -> bool:
        """To the newest decision first."""
        if self.past is None or self.explained is not None or self.detail_of is not None:
            return super().back()
        self.past = None
        if self.view is not None:
            self.show(self.view)
        self.flush()
        return True

    def empty_text(self, view: View) -> Shown:
        """No decision yet."""
        return Shown("no decision yet")


def shown_decision(view: View) -> Row | None:
    """Return the newest decision of the strategy that reads regimes, else of any."""
    rows = view["decision"].rows or ()
    return next((row for row in rows if row["cell"] is not None), rows[0] if rows else None)


def _when(decision: Row) -> Shown:
    return say("{} {}", day(session_day(decision, "session_date")), slot(decision["slot"]))


def past_card(view: View, decision: Row, width: int) -> list[Line]:
    """Return the card of a decision before the newest: what it knew, and what it wanted."""
    until = str(decision.get("reading_date") or "")
    known = [r for r in view["readings"].rows or () if str(r["session_date"]) <= until]
    last = known[-1] if known and str(known[-1]["session_date"]) == until else None
    new, held = decision.get("cell"), decision.get("held_cell")
    wanted = [
        say("{} {}", cell(symbol), percent(float(weight), 0))
        for symbol, weight in sorted((decision.get("targets") or {}).items())
        if float(weight)
    ]
    strip = [r["cell"] for r in known]
    return [
        line(Shown(" Cell "), Span(_cell_name(new), "key"),
             Span(say("  {}", _days(last) if last else Shown("then")), "quiet")),
        line(_trend(last) if last else say(" read at {}", cell(until))),
        line(Shown(" held "), Span(_short_cell(held), "key"), Shown("  new "),
             Span(_short_cell(new), "warn" if new != held else "key"), Shown("  "),
             clip(safe(decision.get("text") or "", 120), max(1, width - 20))),
        line(Shown(" target % "), Span(Shown("  ".join(wanted) or "cash"), "key")),
        line(say(" {}", cells(strip, min(STRIP_SESSIONS, width - 2)))),
    ]  # fmt: skip


def regime_card(view: View, width: int) -> list[Line]:
    """Return the card: cell, held and new, weights beside targets, strip of sessions."""
    decision = shown_decision(view) or {}
    readings = view["readings"].rows or ()
    last = readings[-1] if readings else None
    new = last["cell"] if last else decision.get("cell")
    held = decision.get("held_cell")
    return [
        line(
            Shown(" Cell "),
            Span(_cell_name(new), "key"),
            Span(say("  {}", _days(last)), "quiet"),
        ),
        line(Span(_trend(last), "plain")),
        line(
            Shown(" held "),
            Span(_short_cell(held), "key"),
            Shown("  new "),
            Span(_short_cell(new), "warn" if new != held else "key"),
            Shown("  "),
            Span(clip(safe(decision.get("text") or "", 120), max(1, width - 20)), "plain"),
        ),
        _weights(view, decision, width),
        line(say(" {}", cells([r["cell"] for r in readings], min(STRIP_SESSIONS, width - 2)))),
    ]


def _cell_name(number_: int | None) -> Shown:
    if number_ is None:
        return UNKNOWN
    return say("{} {}", Shown(str(number_)), Shown(CELL_NAMES.get(number_, "·")))


def _short_cell(number_: int | None) -> Shown:
    return UNKNOWN if number_ is None else Shown(f"C{number_}")


def _days(last: Row | None) -> Shown:
    """Consecutive final readings of the newest one's cell, that one included."""
    if last is None:
        return Shown("warming up")
    days = last["days_in_cell"]
    return Shown("1 session in it") if days == 1 else say("{} sessions in it", whole(days))


def _trend(last: Row | None) -> Shown:
    if last is None:
        return Shown(" no reading yet")
    return say(
        " {} × {}   T {}   z {}   {}{}",
        word(last["trend"]),
        word(last["vol"]),
        number(last["t_norm"], 3, signed=True),
        number(last["z_score"], 3, signed=True),
        day(session_day(last, "session_date")),
        Shown(" short history") if last.get("short_history") else Shown(""),
    )


def _weights(view: View, decision: Row, width: int) -> Line:
    """Actual and target weight of every symbol that has either, of the strategy that decided."""
    targets: Mapping[str, Any] = decision.get("targets") or {}
    actual = {
        row["symbol"]: valued(row, view.moment, "weight")
        for row in view["positions"].rows or ()
        if row["quantity"] and row["strategy_id"] == decision.get("strategy")
    }
    parts: list[Shown] = []
    for symbol in sorted(targets.keys() | actual.keys()):
        target, held = targets.get(symbol), actual.get(symbol)
        if not float(target or 0) and not held:
            continue
        parts.append(
            say(
                "{} {}/{}",
                cell(symbol),
                percent(0 if held is None and symbol not in actual else held, 0),
                percent(float(target or 0), 0),
            )
        )
    text = Shown("  ".join(parts)) if parts else Shown("cash")
    return line(Shown(" weight/target % "), Span(clip(text, max(1, width - 18)), "key"))


class RegimeCard(Pane):
    """The card alone, for the right column."""

    pane = "card"
    title = Shown("Regime")
    topics = ("decision", "readings", "positions")
    id_columns = ("decision_id",)

    def nothing(self) -> tuple[Line, ...]:
        """The card, or the words for its absence."""
        if self.view is None or not (
            self.view["decision"].first() or self.view["readings"].first()
        ):
            return super().nothing()
        return tuple(regime_card(self.view, self.size.width))

    def empty_text(self, view: View) -> Shown:
        """No decision yet."""
        return Shown("no decision yet")
