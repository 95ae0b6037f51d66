"""Overview: one screenful that says whether all is well."""

from collections.abc import Callable, Sequence

from tui.format import (
    BLANK,
    UNKNOWN,
    Shown,
    age,
    cell,
    clip,
    countdown,
    day,
    fit,
    money,
    percent,
    price,
    quantity,
    safe,
    say,
    severity,
    short_id,
    slot,
    until,
    when,
    whole,
    word,
)
from tui.messages import OpenWanted
from tui.panes.alerts import RANK, severity_ink
from tui.panes.equity import Curve, equity_lines
from tui.panes.orders import is_working
from tui.panes.pane import Pane, clock_text, sign_ink
from tui.panes.positions import position_key, provenance, valued
from tui.panes.regime import regime_card, shown_decision
from tui.view import Reading, Row, View, instant, session_day
from tui.widgets.lines import Line, Span, line

DAY_S = 86_400.0
Card = tuple[str, Sequence[Line], list[str]]
"""The pane it is of, its lines, and the keys of its rows."""

WITH_DATE = 100  # columns from which the cell's line has room for the reading's date

Place = tuple[str, str | None]
"""A pane, and a row's key in it."""


class OverviewPane(Pane):
    """Cards, each with its age, in twenty rows."""

    pane = "overview"
    title = Shown("Overview")
    topics = (
        "decision", "readings", "positions", "orders", "alerts", "snapshots", "fills",
        "strategies",
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._curve = Curve()
        self.places: list[Place | None] = []  # what each line below the title stands for
        self.at: Place | None = None  # where the cursor is

    def title_parts(self, view: View) -> list[Shown]:
        """Source of the data and the clock."""
        session = view["session"].first()
        if session is None:
            return []
        return [cell(session.get("source") or "·"), clock_text(view)]

    def nothing(self) -> tuple[Line, ...]:
        """All cards, from the most to the least important."""
        view = self.view
        if view is None or view["session"].first() is None:
            return super().nothing()
        width = self.size.width
        cards: list[Line] = []
        self.places = []
        first: tuple[Card, ...] = (
            ("regime", regime_lines(view, width), []),
            ("equity", [worth_line(view, width), means_line(view, width)], []),
        )
        last: Card = ("signals", [decision_line(view, width)], [])
        room = self.size.height - 1 - sum(len(lines) for _, lines, _ in (*first, last))
        for pane, lines, keys in (*first, *rows_cards(view, room), last):
            cards += lines
            self.places += _places(pane, len(lines), keys)
        if self.at is not None and self.at not in self.places:
            pane = self.at[0]  # its row left: to the card it stood in
            self.at = next((p for p in self.places if p is not None and p[0] == pane), None)
        if self.at is not None:
            n = self.places.index(self.at)
            cards[n] = pointed(cards[n])
        spare = self.size.height - 1 - len(cards)
        return (*cards, *(self._curve.lines(view, width - 2, spare) if spare > 1 else ()))

    # -- keys ------------------------------------------------------------------------------

    def _step(self, rows: int) -> None:
        if self.explained is not None:
            super()._step(rows)
            return
        known = [place for place in self.places if place is not None]
        if not known:
            return
        at = -1 if self.at is None else known.index(self.at)
        self.at = known[max(0, min(len(known) - 1, at + rows))]
        self.flush()

    def action_detail(self) -> None:
        """Open the row's own pane, there."""
        if self.at is None:
            self._step(1)
        else:
            self.post_message(OpenWanted(*self.at))

    def explainable(self) -> str | None:
        """Orders and fills have a chain."""
        if self.at is None or self.at[0] not in ("orders", "fills"):
            return None
        return self.at[1]

    def let_go(self) -> bool:
        """Take the cursor away."""
        had, self.at = self.at is not None, None
        self.flush()
        return had


def rows_cards(view: View, room: int) -> list[Card]:
    """Return the cards with rows, as many rows as there is room for: the last cards give first."""
    most = {"positions": 5, "orders": 3, "alerts": 2, "fills": 2}
    while True:
        cards: list[Card] = [
            ("positions", position_lines(view, most["positions"]),
             _keys(largest(view, most["positions"]), position_key)),
            ("orders", order_lines(view, most["orders"]),
             _keys(newest_working(view, most["orders"]), "order_id")),
            ("alerts", alert_lines(view, most["alerts"]),
             _keys(gravest(view, most["alerts"]), "alert_id")),
        ]  # fmt: skip
        if most["fills"]:
            shown = standing_fills(view)[: most["fills"]]
            cards.append(("fills", fill_lines(view, most["fills"]), _keys(shown, "exec_id")))
        if sum(len(lines) for _, lines, _ in cards) <= room or not any(most.values()):
            return cards
        longest = max(most, key=lambda name: (name == "fills" and most[name] > 0, most[name]))
        most[longest] -= 1


def regime_lines(view: View, width: int) -> list[Line]:
    """Return the regime in four lines: the cell, what is near, held and new weights, the strip."""
    cell_line, trend, held, weights, strip = regime_card(view, width)
    decision = shown_decision(view)
    near = [step for step in (decision or {}).get("steps", ()) if step.get("near")]
    reading = trend.spans[0].text
    if width < WITH_DATE:
        reading = Shown(reading.rpartition("   ")[0] or reading)
    spans = (*cell_line.spans, Span(Shown(" ")), Span(reading))
    if near:
        first = near[0]
        what = say(
            " ≈ near: {} {} {}  {}", cell(first["name"]), cell(first["value"]),
            cell(first["test"]), cell(first.get("distance") or ""),
        )  # fmt: skip
        second = line(Span(clip(what, width - 1), "warn"))
    else:
        text = Shown(" nothing is near a threshold") if decision else Shown(" no decision yet")
        second = line(Span(text, "quiet"))
    both = (*held.spans[:4], Span(Shown("  ")), *weights.spans)
    return [Line(spans), second, Line(both), strip]


def worth_line(view: View, width: int) -> Line:
    """Return what it was worth at the last snapshot, and of when that is."""
    found, rows = equity_lines(view)[0], view["snapshots"].rows
    if not rows:
        return found
    at = say("  {}", day(session_day(rows[-1], "session_date")))
    used = sum(len(span.text) for span in found.spans)
    return Line((*found.spans, Span(clip(at, max(0, width - 1 - used)), "quiet")))


def means_line(view: View, width: int) -> Line:
    """Return cash, what is invested, whether entries are open or why not, and the fill rule."""
    session, counts = view["session"].first() or {}, view["counts"].first() or {}
    cash = sum_of(view["strategies"].rows, "cash")
    value = counts.get("positions_value")
    gross = None if value is None or cash is None or cash + value <= 0 else value / (cash + value)
    why = entries_blocked(view)
    entries = Span(Shown("entries open"), "gain") if why is None else Span(why, "warn")
    parts = (
        say(" cash {}  gross {} %  ", money(cash), percent(gross)),
        entries,
        Span(say("  {}", Shown(" ".join(provenance(view)))), "quiet"),
    )
    spans, room = [], width - 1
    for part in parts:
        span = part if isinstance(part, Span) else Span(part)
        text = clip(span.text, max(0, room))
        room -= len(text)
        spans.append(Span(text, span.ink))
    return Line(tuple(spans)) if session else line(Shown(" cash ·"), ink="stale")


def sum_of(rows: Sequence[Row] | None, name: str) -> float | None:
    """Return a sum over rows, unknown where one is."""
    values = [row[name] for row in rows or ()]
    return None if not values or None in values else float(sum(values))


def entries_blocked(view: View) -> Shown | None:
    """Return why no entry is made now, None where they are."""
    session, state = view["session"].first() or {}, view["trading"].first()
    if state is not None and state["state"] != "ACTIVE":
        return say("entries off: {}", word(state["state"]))
    if session.get("state") != "RUNNING":
        return say("entries off: {}", word(session.get("state")))
    if session.get("link") not in (None, "LIVE"):
        return say("entries blocked: {}", word(session.get("link")))
    latch = view["latches"].first()
    if latch is not None:
        end = until(latch["until"], view.moment.session_date)
        return say("entries blocked: {} latch until {}", word(latch["latch"]), end)
    return None


def _keys(rows: Sequence[Row], key: str | Callable[[Row], str]) -> list[str]:
    return [str(row[key]) if isinstance(key, str) else key(row) for row in rows]


def _places(pane: str, lines: int, keys: list[str]) -> list[Place | None]:
    """A card's first line stands for its pane, the lines below for their rows."""
    rows: list[Place | None] = [(pane, key) for key in keys]
    if len(rows) != lines - 1:
        rows = [None] * (lines - 1)
    return [(pane, None), *rows]


def pointed(there: Line) -> Line:
    """Return a line with the cursor on it."""
    first, *others = there.spans
    return Line((Span(Shown(">" + first.text[1:]), first.ink), *others), "cursor")


def _card(
    name: Shown, reading: Reading, lines: Sequence[Line], more: int, none: Shown
) -> list[Line]:
    """A heading with its lines; without lines one line that says why there are none."""
    label = say(" {} ", fit(name, 9))
    if reading.failed:
        failed = say("READ FAILED {}", safe(reading.failed, 100))
        return [line(label, Span(failed, "danger")), *lines]
    if not reading.known:
        return [line(label, UNKNOWN)]
    if not lines:
        return [line(label, Span(none, "quiet"))]
    extra = say(" +{} more", whole(more)) if more > 0 else BLANK
    return [line(Span(say(" {}{}", name, extra), "head"), ink="head"), *lines]


def largest(view: View, limit: int | None = None) -> list[Row]:
    """Return positions, the largest first."""
    held = [row for row in view["positions"].rows or () if row["quantity"]]
    return sorted(held, key=lambda r: -abs(r["market_value"] or 0))[:limit]


def newest_working(view: View, limit: int | None = None) -> list[Row]:
    """Return working orders, the newest first."""
    return [row for row in view["orders"].rows or () if is_working(row)][:limit]


def gravest(view: View, limit: int | None = None) -> list[Row]:
    """Return open alerts, the gravest first."""
    rows = [row for row in view["alerts"].rows or () if row["state"] == "OPEN"]
    return sorted(rows, key=lambda r: RANK.get(r["severity"], 3))[:limit]


def position_lines(view: View, limit: int) -> list[Line]:
    """Return the largest positions."""
    held = largest(view)
    lines = [
        line(
            say(
                "  {} {} @ {}  {}  weight {} %  ",
                fit(cell(r["symbol"]), 6),
                fit(quantity(r["quantity"], 7), 7, right=True),
                fit(price(r["market_price"], 8), 8),
                fit(money(valued(r, view.moment, "market_value"), width=11), 11, right=True),
                fit(percent(valued(r, view.moment, "weight")), 5, right=True),
            ),
            Span(
                fit(money(gain, signed=True, width=10), 10, right=True),
                sign_ink(gain),
            ),
        )
        for r in held[:limit]
        for gain in (valued(r, view.moment, "unrealized_pnl"),)
    ]
    more = len(held) - limit
    return _card(Shown("Positions"), view["positions"], lines, more, Shown("no open positions"))


def order_lines(view: View, limit: int) -> list[Line]:
    """Return the newest working orders."""
    working = newest_working(view)
    lines = [
        line(
            say(
                "  {} {} {}/{} {} {} {}",
                short_id(r["order_id"]),
                fit(cell(r["side"]), 4),
                quantity(r["filled"]),
                quantity(r["quantity"]),
                fit(cell(r["symbol"]), 6),
                word(r["status"]),
                age(view.moment.age(instant(r, "created_at"))),
            )
        )
        for r in working[:limit]
    ]
    more = len(working) - limit
    return _card(Shown("Orders"), view["orders"], lines, more, Shown("none working"))


def standing_fills(view: View) -> tuple[Row, ...]:
    """Return the newest fills without those that were replaced."""
    return tuple(row for row in view["fills"].rows or () if not row.get("corrected_by"))


def fill_lines(view: View, limit: int) -> list[Line]:
    """Return the newest fills."""
    rows = standing_fills(view)
    lines = [
        line(
            say("  {} ", when(instant(r, "at"), view.moment.session_date)),
            Span(fit(cell(r["side"]), 4), "gain" if r["side"] == "BUY" else "loss"),
            say(
                " {} {} @ {}",
                fit(quantity(r["quantity"], 7), 7, right=True),
                fit(cell(r["symbol"]), 6),
                price(r["price"], 9),
            ),
        )
        for r in rows[:limit]
    ]
    more = len(rows) - limit
    return _card(Shown("Fills"), view["fills"], lines, more, Shown("none yet"))


def alert_lines(view: View, limit: int) -> list[Line]:
    """Return the gravest open alerts."""
    rows = gravest(view)
    lines = [
        line(
            Span(say("  {}", severity(r["severity"])), severity_ink(r)),
            say(" {} {}", word(r["kind"]), safe(r["text"] or "", 200)),
        )
        for r in rows[:limit]
    ]
    more = len(rows) - limit
    return _card(Shown("Alerts"), view["alerts"], lines, more, Shown("none open"))


def decision_line(view: View, width: int) -> Line:
    """Return the last decision, and the next slot with what is left until then."""
    decision, beat = shown_decision(view), view["beat"].first()
    name, _, at = ((beat.get("next_slot") or "") if beat else "").partition(" ")
    due, clock = instant({"at": at or None}, "at"), view.moment.clock
    left = None if due is None or clock is None else (due - clock).total_seconds()
    coming = BLANK
    if name:
        when_due = when(due, view.moment.session_date) if left is None or left > DAY_S else BLANK
        coming = say("   next {} {}", slot(name), when_due or countdown(left))
    if decision is None:
        return line(say(" Decision  none yet{}", coming), ink="quiet")
    return line(
        Span(Shown(" Decision  "), "quiet"),
        say("{} {}: ", cell(str(decision["session_date"])), slot(decision["slot"])),
        Span(word(decision["result"]), "key"),
        Span(coming, "quiet"),
    )
