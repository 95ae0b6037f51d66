"""Reconciliation: the last comparison of our ledger with the broker, item by item."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal, InvalidOperation

from engine.domain.reconciliation import Difference, DifferenceKind
from tui.actions import bindings
from tui.format import (
    BLANK,
    UNKNOWN,
    Shown,
    age,
    both_instants,
    cell,
    clip,
    fit,
    money,
    number,
    quantity,
    safe,
    say,
    when,
    whole,
    word,
)
from tui.messages import AcceptWanted, ReconcileWanted
from tui.panes.pane import Pane
from tui.view import Moment, Row, View, compared_at, instant
from tui.widgets.lines import Line, Span, line
from tui.widgets.table import Column

MATCHED = "MATCHED"


def _item(item: str) -> str:
    """An instrument by its symbol, a cost by both words, an order by its end."""
    if item.startswith("cost ") and item.count(":") >= 2:
        return "cost " + item.split(":")[1]
    if item.count(":") >= 2:
        return item.split(":")[1]
    return item if len(item) <= 10 else item[-10:]


def _ink(row: Row, _: Moment) -> str:
    return "plain" if row["kind"] == MATCHED else "warn"


def _side(name: str) -> Column:
    label = Shown("Ours" if name == "ours" else "Broker")
    return Column(
        label, 9, lambda r, m: _amount(r[name]), right=True, slim=True, of=name
    )  # fmt: skip


def _amount(text: object) -> Shown:
    """A number in nine cells; whatever else a side says as it is; blank where it has nothing."""
    exact = _exact(text)
    if exact is None:
        return cell(str(text or ""))
    whole_shares = exact == exact.to_integral_value()
    return quantity(exact, 9) if whole_shares else number(exact, 2, width=9)


def _exact(text: object) -> Decimal | None:
    try:
        found = Decimal(str(text))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def _gap(row: Row, _: Moment) -> Shown:
    """What the broker has more than we, where both are numbers."""
    if row["kind"] == MATCHED:
        return BLANK
    ours, theirs = _exact(row["ours"] or 0), _exact(row["theirs"] or 0)
    if ours is None or theirs is None:
        return UNKNOWN
    places = max(0, -int((theirs - ours).normalize().as_tuple().exponent))
    return number(theirs - ours, min(2, places), signed=True, width=8)


def is_blocking(row: Row) -> bool:
    """Say whether entries of its instrument wait for it."""
    try:
        kind = DifferenceKind(row["kind"])
    except ValueError:
        return True
    return Difference(kind=kind, item=str(row["item"]), ours="", theirs="").blocks


def _state(row: Row, _: Moment) -> Shown:
    if row["kind"] == MATCHED:
        return Shown("equal")
    if row.get("accepted_at"):
        return Shown("ACCEPTED")
    return Shown("blocks") if is_blocking(row) else Shown("told")


def _action(row: Row, _: Moment) -> Shown:
    """What a person can do about it."""
    if row["kind"] == MATCHED or row.get("accepted_at"):
        return BLANK
    if row["kind"] == "ORDER_UNKNOWN":
        return Shown("ask the broker; 4 U settles it")
    if row["kind"] in ("ORDER_LOST", "DUPLICATE_INCARNATION", "MISSING_FILL", "PHANTOM_FILL"):
        return Shown("ask the broker; F accepts it")
    return Shown("F accepts it, with a reason")


def _since(row: Row, moment: Moment) -> Shown:
    return BLANK if not row.get("since") else when(instant(row, "since"), moment.session_date)


COLUMNS = (
    Column(Shown("Item"), 10, lambda r, m: cell(_item(r["item"])), slim=True, of="item"),
    Column(Shown("Kind"), 14, lambda r, m: word(r["kind"]), _ink, of="kind"),
    _side("ours"),
    _side("theirs"),
    Column(Shown("Diff"), 8, _gap, _ink, right=True),
    Column(
        Shown("Age"), 4, lambda r, m: age(m.age(instant(r, "at"))), right=True, slim=True, of="at"
    ),
    Column(Shown("State"), 9, _state, _ink),
    Column(Shown("Since"), 8, _since, of="since"),
    Column(
        Shown("Effect"), 10,
        lambda r, m: BLANK if r["kind"] == MATCHED else money(r["effect"], signed=True, width=10),
        right=True, level=1, of="effect",
    ),
    Column(Shown("Action"), 28, _action, level=1, grows=True),
)  # fmt: skip


class ReconciliationPane(Pane):
    """Differences by money effect, then what is equal; CLEAN never without a time."""

    BINDINGS = [*bindings("reconciliation")]

    pane = "reconciliation"
    title = Shown("Reconciliation")
    topics = ("reconciliation", "differences", "positions")
    columns = COLUMNS

    def rows_of(self, view: View) -> Iterable[tuple[str, Row]]:
        """The largest effect first; positions that the comparison found equal last."""
        run = view["reconciliation"].first()
        at = compared_at(view)
        rows: list[Row] = [{**row, "at": at} for row in view["differences"].rows or ()]
        rows.sort(key=lambda r: (r["effect"] is None, -abs(r["effect"] or 0)))
        if run is not None and run["verdict"] != "UNKNOWN":
            rows += equal_positions(view, run, at)
        return ((f"{row['kind']}|{row['item']}", row) for row in rows)

    def title_parts(self, view: View) -> list[Shown]:
        """Verdict and age."""
        run = view["reconciliation"].first()
        if run is None:
            return []
        return [word(run["verdict"]), say("{} ago", age(view.moment.age(compared_at(view))))]

    def heading(self) -> tuple[Line, ...]:
        """The title, then the verdict in words with its time."""
        view = self.view
        run = view["reconciliation"].first() if view is not None else None
        if view is None or run is None or not self.keys:
            return super().heading()
        return (*super().heading(), self._verdict(view, run))

    def _verdict(self, view: View, run: Row) -> Line:
        at = when(compared_at(view), view.moment.session_date)
        verdict = run["verdict"]
        ink = "gain" if verdict == "CLEAN" else "danger" if verdict == "UNKNOWN" else "warn"
        equal = say("{} items compared and equal", whole(run["matched"]))
        told = cell(run.get("text") or "")
        words = {"CLEAN": say("nothing differs, {}", equal), "DIFFERENCES": equal}.get(
            verdict, told
        )
        text = clip(say(" at {}: {}", at, words), max(1, self.size.width - len(verdict) - 2))
        return line(Span(say(" {}", word(verdict)), ink), text)

    def nothing(self) -> tuple[Line, ...]:
        """The verdict in words, with its time and what was compared."""
        view = self.view
        run = view["reconciliation"].first() if view is not None else None
        if view is None or run is None or self.reading.failed or self.filter is not None:
            return super().nothing()
        return (self._verdict(view, run), line(Shown(" r compares again now"), ink="quiet"))

    def empty_text(self, view: View) -> Shown:
        """Never compared is not clean."""
        return Shown("not compared yet")

    def detail(self, row: Row) -> list[Line]:
        """The evidence of both sides, then all columns."""
        head, *columns = super().detail(row)
        view = self.view
        run = view["reconciliation"].first() if view is not None else None
        lines = [head]
        if view is not None:
            lines += evidence(view, row, run)
        return [*lines, line(Shown(" All columns"), ink="head"), *columns]

    def action_accept(self) -> None:
        """Ask whether to accept the difference under the cursor."""
        if self.row is not None and self.row["kind"] == MATCHED and not self.row_left:
            self.say(Shown("nothing differs here: there is nothing to accept"))
            return
        self.post_message(AcceptWanted(None if self.row_left else self.row))
        self.row_left = False

    def action_reconcile(self) -> None:
        """Ask for a comparison now."""
        self.post_message(ReconcileWanted())


def equal_positions(view: View, run: Row, at: datetime | None) -> list[Row]:
    """Return the positions that the comparison covered and did not name, one for an instrument.

    What changed after the comparison is left out: of it the broker's side is not known.
    """
    named = {str(row["item"]) for row in view["differences"].rows or ()}
    ours: dict[str, Decimal] = {}
    for row in view["positions"].rows or ():
        instrument = str(row["instrument"])
        if not row["quantity"] or instrument in named:
            continue
        changed = instant(row, "changed_at")
        if changed is None or at is None or changed > at:
            named.add(instrument)
            ours.pop(instrument, None)
            continue
        ours[instrument] = ours.get(instrument, Decimal(0)) + Decimal(str(row["quantity"]))
    return [
        {"kind": MATCHED, "item": name, "ours": str(held), "theirs": str(held), "effect": None,
         "at": at, "run_id": run["run_id"]}
        for name, held in sorted(ours.items())
    ]  # fmt: skip


def evidence(view: View, row: Row, run: Row | None) -> list[Line]:
    """Return what each side has: our ledger by owner, the broker's answer with its time."""
    instrument = str(row["item"]).removeprefix("cost ")
    lines = [line(Shown(" Ours: the ledger, from fills"), ink="head")]
    for held in view["positions"].rows or ():
        if str(held["instrument"]) != instrument:
            continue
        lines.append(
            line(
                say(
                    " {} {} at {} since {}",
                    fit(cell(held["strategy_id"] or "no owner"), 10),
                    quantity(held["quantity"]),
                    money(held["average_cost"]),
                    both_instants(instant(held, "changed_at")),
                )
            )
        )
    lines.append(line(say(" {} in all", _amount(row["ours"]) or UNKNOWN)))
    lines.append(line(Shown(" Broker: its answer"), ink="head"))
    lines.append(line(say(" {} in all", _amount(row["theirs"]) or Shown("nothing"))))
    if run is not None:
        at = both_instants(compared_at(view))
        lines.append(line(say(" asked at {}, because: {}", at, safe(run.get("trigger") or "·"))))
    return lines
