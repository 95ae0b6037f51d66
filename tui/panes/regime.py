"""Regime: the cell, what is held and what is new, and the decision tree as it was stored.

The screen computes no regime and knows no threshold: every line of the tree is a step of the
stored decision.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from engine.domain.regime import CELL_NAMES
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
    """Card on top, decision tree below."""

    pane = "regime"
    title = Shown("Regime")
    topics = ("decision", "readings", "positions")
    id_columns = ("decision_id",)
    columns = COLUMNS

    def rows_of(self, view: View) -> Iterable[tuple[str, Row]]:
        """The ten steps; a step of several lines shows its number once."""
        decision = shown_decision(view)
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
        decision = shown_decision(view)
        if decision is None:
            return []
        return [
            say("{} {}", word(decision["strategy"]), word(decision["preset"])),
            say("{} {}", day(session_day(decision, "session_date")), slot(decision["slot"])),
        ]

    def heading(self) -> tuple[Line, ...]:
        """Title and card."""
        if self.view is None or shown_decision(self.view) is None:
            return super().heading()
        return (self.title_line(), *regime_card(self.view, self.size.width), line())

    def empty_text(self, view: View) -> Shown:
        """No decision yet."""
        return Shown("no decision yet")


def shown_decision(view: View) -> Row | None:
    """Return the newest decision of the strategy that reads regimes, else of any."""
    rows = view["decision"].rows or ()
    return next((row for row in rows if row["cell"] is not None), rows[0] if rows else None)


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
        row["symbol"]: row.get("weight")
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
