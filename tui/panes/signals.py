"""Signals and decisions: what was wanted, what became of it, and why not."""

from collections.abc import Iterable

from engine.domain.ids import MANUAL
from engine.risk.reasons import REASONS
from storage.queries.long import Condition
from storage.queries.pages import Window
from tui.actions import bindings
from tui.format import (
    BLANK,
    Shown,
    age,
    cell,
    clip,
    percent,
    quantity,
    safe,
    say,
    short_id,
    slot,
    until,
    when,
    whole,
    word,
)
from tui.panes.long import LongPane
from tui.panes.pane import explanation
from tui.panes.positions import provenance
from tui.view import Moment, Row, View, instant
from tui.widgets.lines import Line, Span, line
from tui.widgets.table import Column

REFUSED = frozenset({"REJECTED", "DENIED"})
STILL = frozenset({"no_change", "no_trade"})
MAX_STRATEGIES = 4

KINDS = {"EMERGENCY_EXIT": Shown("EMERGENC"), "SETUP_CANCELED": Shown("SETUP off")}
DENIALS = {reason.value: words for reason, words in REASONS.items()}


def state_of(row: Row) -> str:
    """Return the state of a signal, or of its order where that was refused."""
    order = row.get("order_status")
    return str(order) if order in ("DENIED", "REJECTED", "DRY_RUN") else str(row["state"])


def why(row: Row) -> str:
    """Return the code or words for what became of it."""
    if row.get("signal_id") is None and row.get("decision_id") is not None:
        still = row["kind"] in STILL
        return "no change" if still else str(row["kind"])
    return str(row.get("order_reason") or row.get("reason") or "")


def _kind(row: Row, _: Moment) -> Shown:
    if row.get("signal_id") is None:
        return Shown("decision" if row.get("decision_id") else "slot")
    return KINDS.get(row["kind"], cell(row["kind"]))


def _detail(row: Row, _: Moment) -> Shown:
    known = DENIALS.get(why(row))
    if known is not None:
        return cell(known.sentence)
    return cell(row.get("order_text") or row.get("text") or "")


def _state_ink(row: Row, _: Moment) -> str:
    state = state_of(row)
    if state in REFUSED or state in ("MISSED", "FAILED"):
        return "danger" if state in ("MISSED", "FAILED") else "warn"
    return "warn" if state in ("LATE", "EXPIRED") else "plain"


def _tgt(row: Row, _: Moment) -> Shown:
    weight = row.get("target_weight")
    return BLANK if weight is None else percent(weight, width=6)


def _qty(row: Row, _: Moment) -> Shown:
    given = row.get("order_quantity") or row.get("quantity")
    return BLANK if given is None else quantity(given, 7)


def _inputs(row: Row, _: Moment) -> Shown:
    parts = [str(row.get(name) or "") for name in ("session_date", "text", "preset")]
    return cell(" · ".join(part for part in parts if part))


def _id(row: Row, _: Moment) -> Shown:
    return short_id(row.get("signal_id") or row.get("decision_id")) if _has_id(row) else BLANK


def _has_id(row: Row) -> bool:
    return bool(row.get("signal_id") or row.get("decision_id"))


COLUMNS = (
    Column(Shown("Time"), 8, lambda r, m: when(instant(r, "at"), m.session_date), of="at"),
    Column(Shown("Signal"), 6, _id, of="id"),
    Column(Shown("From"), 6, lambda r, m: word(r["strategy_id"]), of="strategy_id"),
    Column(Shown("Sym"), 6, lambda r, m: cell(r.get("symbol") or ""), slim=True, of="symbol"),
    Column(Shown("Kind"), 8, _kind, of="kind"),
    Column(Shown("Tgt%"), 6, _tgt, right=True, of="target_weight"),
    Column(Shown("Slot"), 5, lambda r, m: slot(r["slot"]) if r.get("slot") else BLANK, of="slot"),
    Column(Shown("State"), 8, lambda r, m: cell(r["became"]), _state_ink, slim=True,
           of="became"),
    Column(Shown("Reason"), 17, lambda r, m: cell(r["why"]), grows=True, slim=True, of="why"),
    Column(
        Shown("Order"), 6,
        lambda r, m: short_id(r["order_id"]) if r.get("order_id") else BLANK,
        level=1, of="order_id",
    ),
    Column(Shown("Qty"), 7, _qty, right=True, level=1, of="order_quantity"),
    Column(Shown("Detail"), 24, _detail, level=1, grows=True),
    Column(Shown("Inputs"), 60, _inputs, level=2),
    Column(
        Shown("n"), 3, lambda r, m: whole(1 + min(998, r.get("duplicate_count") or 0)),
        right=True, level=2, of="duplicate_count",
    ),
    Column(Shown("Age"), 4, lambda r, m: age(m.age(instant(r, "at"))), right=True, level=2),
)  # fmt: skip


class SignalsPane(LongPane):
    """Signals, decisions that changed nothing, slots that were missed; strategies above."""

    BINDINGS = [*bindings("signals")]

    pane = "signals"
    title = Shown("Signals and decisions")
    topics = ("signals", "strategies")
    resting = Window("signals")
    id_columns = ("signal_id", "decision_id")
    columns = COLUMNS

    def __init__(self) -> None:
        super().__init__()
        self.refused_only = False

    def rows_of(self, view: View) -> Iterable[tuple[str, Row]]:
        """Newest first, as read."""
        for row in self.reading.rows or ():
            if not self.refused_only or state_of(row) in REFUSED:
                yield row["id"], self.as_shown(view, row)

    def as_shown(self, view: View, row: Row) -> Row:
        """A row with the state and the reason that count."""
        return {**row, "became": state_of(row), "why": why(row)}

    def own_conditions(self) -> tuple[Condition, ...]:
        """In a long table the database leaves out what was not refused."""
        if not self.refused_only:
            return ()
        return (Condition("became", "in", ",".join(sorted(REFUSED))),)

    def title_parts(self, view: View) -> list[Shown]:
        """How many, and how many were refused."""
        rows = self.reading.rows or ()
        refused = sum(1 for row in rows if state_of(row) in REFUSED)
        if self.refused_only:
            shown = whole(refused) if self.part is None else self.share()
            parts = [shown, Shown("refused only, d shows all")]
        else:
            parts = [self.how_many()]
            if self.part is None:
                parts.append(say("{} refused", whole(refused)))
        return [*parts, *provenance(view)]

    def heading(self) -> tuple[Line, ...]:
        """Title, then a line for each strategy."""
        view = self.view
        if view is None:
            return super().heading()
        rows = (view["strategies"].rows or ())[:MAX_STRATEGIES]
        return (self.title_line(), *(self._strategy_line(view, row) for row in rows))

    def _strategy_line(self, view: View, row: Row) -> Line:
        beat = view["beat"].first()
        name, _, at = ((beat.get("next_slot") or "") if beat else "").partition(" ")
        due = say(
            "{} {}", slot(name), when(instant({"at": at or None}, "at"), view.moment.session_date)
        )
        decided = when(instant(row, "last_decision_at"), view.moment.session_date)
        text = say("  last {} {}", decided, cell(row["last_decision"] or "none yet", 40))
        state = word(row["state"])
        spans = [
            Span(say(" {} ", cell(row["strategy_id"])), "key"),
            Span(state, "plain" if state == "ACTIVE" else "warn"),
            Span(text),
        ]
        if row.get("latch"):
            end = until(row["latch_until"], view.moment.session_date)
            why = safe(row["latch_text"], 60)
            spans.append(Span(say("  {} latch until {}: {}", cell(row["latch"]), end, why), "warn"))
        elif state != "ACTIVE" and row["reason"]:
            spans.append(Span(say("  {}", safe(row["reason"], 60)), "quiet"))
        elif row["strategy_id"] == MANUAL:
            spans[2:] = [Span(Shown("  orders by hand: B buys, S sells"), "quiet")]
        else:
            spans.append(Span(say("  next {}", due), "quiet"))
        room, kept = self.size.width - 1, []
        for span in spans:
            text = clip(span.text, max(0, room))
            room -= len(text)
            kept.append(Span(text, span.ink))
        return line(*kept)

    def empty_text(self, view: View) -> Shown:
        """Known to have none."""
        if self.refused_only and view["signals"].rows:
            return Shown("nothing was refused; d shows all")
        return Shown("no decision yet")

    @property
    def chain_of(self) -> str | None:
        """A detail shows its inputs and risk checks: the chain behind the row."""
        if self.explained is not None or self.detail_of is None:
            return self.explained
        row = self._rows.get(self.detail_of)
        return None if row is None else row.get("signal_id") or row.get("decision_id")

    def detail(self, row: Row) -> list[Line]:
        """All columns, what a refusal means, then inputs, thresholds and every risk check."""
        head, *columns = super().detail(row)
        lines = [head]
        known = DENIALS.get(why(row))
        if known is not None:
            lines.append(line(Span(say(" {}", safe(known.sentence)), "warn")))
            lines.append(line(say(" {}", safe(known.runbook))))
        id = self.chain_of
        if id is not None and self.view is not None:
            lines += explanation(self.view, id, self.size.width)[1:]
        return [*lines, line(Shown(" All columns"), ink="head"), *columns]

    def action_refused(self) -> None:
        """Only what was rejected or denied, and back."""
        self.refused_only = not self.refused_only
        self.chosen_anew()
