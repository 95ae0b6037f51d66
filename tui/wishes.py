"""What panes wish for, granted by the application: typing, clipboard, files, requests.

A pane says what it wants with the row of the key press; guards, questions and the one row in
the request file are here.
"""

from contextlib import closing
from pathlib import Path
from time import monotonic

from textual.worker import Worker, WorkerState, get_current_worker

from engine.domain.request import RequestKind
from tui import export, steering
from tui.actions import keys_of
from tui.dialogs.confirm import Question, Typed, reason_needed
from tui.format import Shown, next_zone, safe, say, whole, word
from tui.messages import (
    AcknowledgeWanted,
    AllAcknowledgeWanted,
    ApplyWanted,
    CopyWanted,
    EditWanted,
    EntryWanted,
    Exported,
    ExportWanted,
    ReconcileWanted,
    SnoozeWanted,
    WindowWanted,
)
from tui.panes.pane import Pane
from tui.panes.parameters import ParametersPane
from tui.shell import Shell
from tui.view import Row

SNOOZE_MINUTES = 60
ALERTS_AT_ONCE = 50
TOLD_EVERY_S = 0.5


class Wishes(Shell, inherit_bindings=False):
    """The application as panes see it."""

    def _may_act(self) -> bool:
        """The guard in front of engine and market keys."""
        why = self.guard.refuses()
        if why:
            self.say_hint(why)
            return False
        if not self.arming.armed:
            self.say_hint(Shown("not armed: ctrl+o arms this screen"))
            return False
        return True

    # -- look -------------------------------------------------------------------------------

    def ask(self, question: Question) -> None:
        """A question takes the keys from whatever is being typed."""
        self.dashboard.entry.give_way()
        self.dashboard.palette.close()
        super().ask(question)

    def begins_typing(self, key: str) -> bool:
        """Filter, sorting, command line and palette, while a pane has the keys."""
        pane = self.dashboard.focused if self.dashboard.ready else None
        if not isinstance(pane, Pane):
            return False
        if key in keys_of("table.sort") and not pane.choosing_sort:
            pane.action_sort()
        elif key in keys_of("table.filter") and not pane.choosing_sort and pane.columns:
            self.dashboard.type_in(pane.filter_entry())
        else:
            return False
        return True

    def on_entry_wanted(self, message: EntryWanted) -> None:
        """Open the line that is typed in."""
        self.dashboard.type_in(message.entry)

    def action_zone(self) -> None:
        """Times of rows in the next zone; the status line stays with the exchange's."""
        self.say_hint(say("times of rows: {}", next_zone()), "key")
        for name in self.dashboard.shown:
            self.dashboard.panes[name].flush()

    def on_window_wanted(self, _: WindowWanted) -> None:
        """Read what a long table is to show."""
        self.wanted_changed()

    def on_copy_wanted(self, message: CopyWanted) -> None:
        """The clipboard is the terminal's: whether it took the text nobody says."""
        self.copy_to_clipboard(message.text)
        self.say_hint(say("{} sent to the terminal", message.what), "key")

    def on_export_wanted(self, message: ExportWanted) -> None:
        """Write on a thread: a slow disk must not stop the screen."""
        path = Path(message.name).expanduser().absolute()
        self.run_worker(
            lambda: self._export(path, message), name=str(path), group="export", thread=True,
            exit_on_error=False,
        )  # fmt: skip

    def _export(self, path: Path, message: ExportWanted) -> int:
        """Write rows, and say from time to time how many by now; on a thread of its own."""
        worker, window = get_current_worker(), message.window
        said_at = monotonic()

        def told(count: int) -> None:
            nonlocal said_at
            if worker.is_cancelled:
                raise InterruptedError("left before it was done")
            if monotonic() - said_at > TOLD_EVERY_S:
                said_at = monotonic()
                self.post_message(Exported(say("exporting: {} rows so far", whole(count))))

        if window is None:
            return export.write(path, [message.rows], message.columns, message.moment, told)
        session = self.view["session"].first()
        source = self._make_source()
        try:
            assert session is not None, "rows of no session"
            with closing(source.every(str(session["session_id"]), window)) as found:
                pieces = (map(message.prepared, rows) for rows in found)
                return export.write(path, pieces, message.columns, message.moment, told)
        finally:
            source.close()

    def on_exported(self, message: Exported) -> None:
        """How far it is."""
        self.say_hint(message.text, "key")

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Say what became of an export; the rest is the shell's."""
        if event.worker.group != "export":
            super().on_worker_state_changed(event)
        elif event.state is WorkerState.SUCCESS:
            rows = whole(int(event.worker.result or 0))
            self.say_hint(say("{} rows written to {}", rows, safe(event.worker.name)), "key")
        elif event.state is WorkerState.ERROR:
            self.say_hint(say("NOT EXPORTED: {}", safe(str(event.worker.error), 200)), "danger")

    # -- view -------------------------------------------------------------------------------

    def on_acknowledge_wanted(self, message: AcknowledgeWanted) -> None:
        """Acknowledge an alert."""
        self.request(RequestKind.ACKNOWLEDGE, "key a", alert_id=message.alert["alert_id"])

    def on_all_acknowledge_wanted(self, message: AllAcknowledgeWanted) -> None:
        """Acknowledge the alerts that were shown at the key press, by their ids."""
        for alert in message.alerts[:ALERTS_AT_ONCE]:
            if not self.request(RequestKind.ACKNOWLEDGE, "key A", alert_id=alert["alert_id"]):
                return
        self.say_hint(say("{} alerts: acknowledging asked", whole(len(message.alerts))), "quiet")

    def on_snooze_wanted(self, message: SnoozeWanted) -> None:
        """Silence an alert for an hour."""
        asked = self.request(
            RequestKind.SNOOZE, "key m", alert_id=message.alert["alert_id"],
            minutes=str(SNOOZE_MINUTES),
        )  # fmt: skip
        if asked:
            self.say_hint(say("{}: silence for 1 h asked", word(message.alert["kind"])), "quiet")

    def on_reconcile_wanted(self, _: ReconcileWanted) -> None:
        """Compare with the broker now."""
        if self.request(RequestKind.RECONCILE, "key r"):
            self.say_hint(Shown("reconciliation asked"), "quiet")

    # -- parameters -------------------------------------------------------------------------

    @property
    def _parameters(self) -> ParametersPane:
        pane = self.dashboard.panes["parameters"]
        assert isinstance(pane, ParametersPane)
        return pane

    def on_edit_wanted(self, message: EditWanted) -> None:
        """Dock the editor; what is typed waits in the pane until it is applied."""
        if self.options.read_only:
            return
        row = message.parameter

        def keep(_: str, text: str) -> None:
            self._parameters.edit(row["id"], text)

        self.ask(
            Question(
                say("EDIT {}.{}", word(row["strategy"]), word(row["name"])),
                (
                    safe(row["effect"]),
                    say("now {} · default {}", word(row["value"]), word(row["default"])),
                    say("allowed: {} {}", safe(row["allowed"], 100), safe(row["unit"])),
                    Shown("It waits in this screen; P applies it at the next decision."),
                    safe(row["inert"] and f"inert now: {row['inert']}"),
                ),
                (),
                keep,
                typed=Typed(
                    Shown("new value:"),
                    lambda text: not refused(row, text),
                    say("allowed is {}", safe(row["allowed"], 80)),
                ),
                danger=False,
            )
        )

    def on_apply_wanted(self, message: ApplyWanted) -> None:
        """Show every difference, ask for a reason, send one request for each."""
        if self.options.read_only or not self._may_act():
            return
        if not message.edits:
            self.say_hint(Shown("no edit waits: enter edits"))
            return
        wrong = contradiction(self._parameters.reading.rows or (), message.edits)
        if wrong:
            self.say_hint(safe(wrong, 300))
            return
        differences = [
            say(
                "{}.{}: {} → {}",
                word(row["strategy"]),
                word(row["key"]),
                word(row["value"]),
                safe(text),
            )
            for row, text in message.edits
        ]
        shown = tuple(differences[:3])
        if len(differences) > len(shown):
            shown = (*shown, say("and {} more", whole(len(differences) - len(shown))))

        def send(_: str, reason: str) -> None:
            for row, text in message.edits:
                asked = self.request(
                    RequestKind.SET_PARAMETER, reason, strategy=row["strategy"], key=row["key"],
                    value=text,
                )  # fmt: skip
                if asked:
                    self._parameters.applied([row["id"]])

        self.ask(
            Question(
                say("CHANGE {} PARAMETERS from the next decision on?", whole(len(differences))),
                (*steering.session_facts(self.view), *shown),
                (),
                send,
                typed=reason_needed(Shown("reason:")),
            )
        )


def refused(row: Row, text: str) -> bool:
    """Say whether a value is none that the key takes, whatever the others are."""
    from tui.parameters import readable  # the schemas: only when something is edited

    return not readable(row["strategy"], row["name"], text)


def contradiction(rows: tuple[Row, ...], edits: tuple[tuple[Row, str], ...]) -> str:
    """Return why a strategy would not take the edits together; empty: it would."""
    from tui.parameters import refusal

    found = []
    for strategy in dict.fromkeys(row["strategy"] for row, _ in edits):
        values = {r["key"]: r["value"] for r in rows if r["strategy"] == strategy}
        values |= {row["key"]: text for row, text in edits if row["strategy"] == strategy}
        found.append(refusal(strategy, values))
    return "; ".join(text for text in found if text)
