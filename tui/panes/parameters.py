"""Parameters: what each strategy runs with; edits wait here until they are applied."""

from collections.abc import Iterable

from tui.actions import bindings
from tui.format import BLANK, UNKNOWN, Shown, cell, fit, safe, say, when, whole, word
from tui.messages import ApplyWanted, EditWanted
from tui.panes.pane import Pane
from tui.view import Moment, Row, View, instant
from tui.widgets.lines import Line, Span, line
from tui.widgets.table import Column


def _value(row: Row, _: Moment) -> Shown:
    return word(row["value"])


def _value_ink(row: Row, _: Moment) -> str:
    if row["inert"]:
        return "stale"
    return "plain" if row["value"] == row["default"] else "key"


def _origin(row: Row, _: Moment) -> Shown:
    return Shown("inert") if row["inert"] else cell(row["origin"])


def _pending(row: Row, _: Moment) -> Shown:
    if row.get("edit") is not None:
        return say("→{}", cell(row["edit"]))
    return cell(row["pending"])


COLUMNS = (
    Column(Shown("Key"), 22, lambda r, m: cell(r["key"]), slim=True, of="key"),
    Column(Shown("Value"), 10, _value, _value_ink, right=True, slim=True, of="value"),
    Column(Shown("Default"), 10, lambda r, m: cell(r["default"]), right=True, of="default"),
    Column(Shown("Range"), 14, lambda r, m: cell(r["range"]), of="range"),
    Column(Shown("Origin"), 8, _origin, lambda r, m: "stale" if r["inert"] else "plain"),
    Column(Shown("Pending"), 8, _pending, lambda r, m: "warn", of="pending"),
    Column(Shown("Unit"), 8, lambda r, m: cell(r["unit"]), level=1, of="unit"),
    Column(Shown("By"), 14, lambda r, m: cell(r["by"] or ""), level=1, of="by"),
    Column(
        Shown("When"), 15,
        lambda r, m: when(instant(r, "at"), m.session_date) if r["at"] else BLANK, level=1,
        of="at", grows=True,
    ),
)  # fmt: skip


class ParametersPane(Pane):
    """Every key of every strategy of the session, in the order of its schema."""

    BINDINGS = [*bindings("parameters")]

    pane = "parameters"
    title = Shown("Parameters")
    topics = ("parameters", "strategies")
    columns = COLUMNS

    def __init__(self) -> None:
        super().__init__()
        self.edits: dict[str, str] = {}
        self.changed_only = False

    def rows_of(self, view: View) -> Iterable[tuple[str, Row]]:
        """Strategy by strategy, each row with the edit that waits for it."""
        rows = view["parameters"].rows or ()
        several = len({row["strategy"] for row in rows}) > 1
        for row in rows:
            edit = self.edits.get(row["id"])
            if self.changed_only and row["value"] == row["default"] and edit is None:
                continue
            name = f"{row['strategy'][:4]}.{row['key']}" if several else row["key"]
            yield row["id"], {**row, "key": name, "name": row["key"], "edit": edit}

    def title_parts(self, view: View) -> list[Shown]:
        """How many, whether only those changed, and when an edit takes effect."""
        rows = view["parameters"].rows or ()
        changed = sum(1 for row in rows if row["value"] != row["default"])
        parts = [whole(len(rows)), say("{} not at default", whole(changed))]
        if self.changed_only:
            parts.append(Shown("changed only, d shows all"))
        if self.edits:
            parts.append(say("edits {}: P applies", whole(len(self.edits))))
        beat = view["beat"].first()
        due = (beat.get("next_slot") or "") if beat else ""
        if due:
            name, _, at = due.partition(" ")
            parts.append(say("next {} {}", cell(name), _due(view, at)))
        return parts

    def empty_text(self, view: View) -> Shown:
        """A session without parameters, or none that differs."""
        if self.changed_only and view["parameters"].rows:
            return Shown("every parameter is at its default; d shows all")
        return Shown("the strategies of this session have no parameters")

    def detail(self, row: Row) -> list[Line]:
        """What the key does, what is allowed, and everything that was changed."""
        lines = [line(say(" {}.{}", cell(row["strategy"]), cell(row["name"])), ink="head")]
        lines.append(line(say(" {}", safe(row["effect"]))))
        facts = (
            ("value", row["value"]), ("edit", row.get("edit")), ("as begun", row["started"]),
            ("default", row["default"]), ("allowed", row["allowed"]), ("unit", row["unit"]),
            ("origin", row["origin"]), ("inert", row["inert"]),
        )  # fmt: skip
        for name, value in facts:
            if value:
                label = Span(say(" {} ", fit(Shown(name), 10)), "quiet")
                lines.append(line(label, safe(str(value))))
        if row["pending"]:
            lines.append(line(Span(Shown(" takes effect at the next decision"), "warn")))
        lines.append(line(Shown(" Changes in this session"), ink="head"))
        for change in reversed(row["history"]):
            lines.append(
                line(
                    say(
                        " {} {} → {} by {}: {}",
                        when(instant(change, "at"), None),
                        word(change["old"]),
                        word(change["new"]),
                        safe(change["actor"], 40),
                        safe(change["reason"], 200),
                    )
                )
            )
        if not row["history"]:
            lines.append(line(Shown(" none"), ink="stale"))
        return lines

    # -- keys ------------------------------------------------------------------------------

    def action_detail(self) -> None:
        """Open the detail, and beside it the editor."""
        super().action_detail()
        if self.row is not None:
            self.post_message(EditWanted(self.row))

    def edit(self, id: str, text: str) -> None:
        """Keep an edit; one that changes nothing is none."""
        row = next((r for r in self.reading.rows or () if r["id"] == id), None)
        if row is not None and row["value"] == text:
            self.edits.pop(id, None)
        else:
            self.edits[id] = text
        self._again()

    def action_undo(self) -> None:
        """Take back an edit; where there is none, prepare the way back from the last change."""
        row = self.row
        if row is None:
            self.say(Shown("choose a parameter first: ↓"))
        elif self.edits.pop(row["id"], None) is not None:
            self.say(Shown("the edit is gone"))
        elif row["before"] is not None and row["before"] != row["value"]:
            self.edits[row["id"]] = row["before"]
            self.say(say("back to {}: P applies", word(row["before"])))
        else:
            self.say(Shown("nothing to undo here"))
        self._again()

    def action_changed(self) -> None:
        """Only what is not at its default, and back."""
        self.changed_only = not self.changed_only
        self._again()

    def action_apply(self) -> None:
        """Ask whether to send every edit."""
        known = {row["id"]: row for row in self.reading.rows or ()}
        waiting = {id: text for id, text in self.edits.items() if id in known}
        self.post_message(ApplyWanted(tuple((known[id], text) for id, text in waiting.items())))

    def applied(self, ids: Iterable[str]) -> None:
        """These edits were sent."""
        for id in ids:
            self.edits.pop(id, None)
        self._again()

    def _again(self) -> None:
        if self.view is not None:
            self.show(self.view)
            self.flush()


def _due(view: View, at: str) -> Shown:
    found = instant({"at": at}, "at")
    return UNKNOWN if found is None else when(found, view.moment.session_date)
