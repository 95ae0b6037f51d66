"""The `:` line and the palette at work: a verb does what its key does, guards included."""

from collections.abc import Callable

from engine.domain.request import RequestKind
from engine.domain.ticket import Action
from tui import steering
from tui.actions import Act, keys_of
from tui.format import Shown, safe, say, word
from tui.looking import Looking
from tui.messages import CancelWanted
from tui.panes.pane import Pane
from tui.runbook import runbook_lines
from tui.verbs import Choice, Verb, choices, remembered, verb_named, verbs, words_after
from tui.widgets.entry import Entry
from tui.widgets.filtering import field_named

KEPT = 50


class Commanding(Looking, inherit_bindings=False):
    """The application as typed words see it."""

    _typed_before: list[str]

    def _verbs(self) -> dict[str, Verb]:
        contexts = (*self.dashboard.contexts, "table", self.dashboard.current)
        return verbs(contexts, read_only=self.dashboard.read_only)

    def begins_typing(self, key: str) -> bool:
        """The command line and the palette too."""
        if super().begins_typing(key):
            return True
        pane = self.dashboard.focused if self.dashboard.ready else None
        if not isinstance(pane, Pane) or pane.choosing_sort:
            return False
        if key in keys_of("app.command"):
            self.action_command()
        elif key in keys_of("app.palette"):
            self.action_palette()
        else:
            return False
        return True

    def action_command(self) -> None:
        """Open the `:` line."""
        self._typed_before = getattr(self, "_typed_before", [])
        self.dashboard.type_in(
            Entry(Shown(":"), done=self.run_command, words=self._words, history=self._typed_before)
        )

    def _words(self, text: str) -> tuple[str, ...]:
        verb, space, _ = text.partition(" ")
        if not space:
            return tuple(sorted(self._verbs()))
        pane = self.dashboard.panes[self.dashboard.current]
        ids = [str(row[n]) for _, row in pane.shown_rows() for n in pane.id_columns if row.get(n)]
        columns = [column.label for column in pane.columns]
        return tuple(f"{verb} {each}" for each in words_after(verb, ids, columns))

    def run_command(self, typed: str) -> None:
        """Do what was typed."""
        name, _, words = typed.partition(" ")
        if not name:
            return
        verb = verb_named(name, self._verbs())
        if verb is None:
            self.say_hint(say("no such command: {}", safe(name, 40)))
            return
        self._typed_before = getattr(self, "_typed_before", [])
        self._typed_before.append(remembered(verb, typed))
        del self._typed_before[:-KEPT]
        if verb.action is None:
            self._wordy(verb.name, words.strip())
        else:
            self._choose(Choice(verb.action, Shown("")))

    def _wordy(self, name: str, words: str) -> None:
        pane = self.dashboard.panes[self.dashboard.current]
        match name:
            case "explain":
                pane.explained = words or pane.explainable()
                pane.flush()
                self.wanted_changed()
            case "filter":
                pane.filter_by(words)
                pane.flush()
            case "sort":
                field = field_named(words, pane.columns) if words else None
                pane.sort_by(next((c for c in pane.columns if c is field), None))
            case "theme":
                self._theme(words)
            case "help":
                self._help(words)
            case "goto":
                self._goto_words(words)
            case "quit":
                self.call_next(self.run_action, "app.leave")
            case "cancel":
                self._cancel(words)
            case "buy":
                self.type_order(Action.BUY, words)
            case "sell":
                self.type_order(Action.SELL, words)
            case "close":
                self.close_symbol(words)
            case _:
                self._steer(name, words)

    def _goto_words(self, words: str) -> None:
        if words:
            self.goto(words)
        else:
            self.say_hint(Shown("goto what? an id · seq 18204 · 15:41 · 2026-11-20 · start · end"))

    def _steer(self, name: str, words: str) -> None:
        facts = steering.session_facts(self.view)
        if name == "halt":
            if words:
                self.insist(RequestKind.HALT, words)
            self.call_next(self.run_action, "app.halt")
        elif name == "reduce":
            title = Shown("REDUCING: exits only")
            self.ask(steering.reason_question(title, facts, self._ask_for(RequestKind.REDUCE)))
        elif name == "resume" and self._may_act():
            title = Shown("ACTIVE: all orders")
            self.ask(steering.reason_question(title, facts, self._ask_for(RequestKind.RESUME)))
        elif name == "flatten":
            facts = steering.stop_facts(self.view)
            self.ask(steering.flatten_question(self._flatten_by_word, facts))
        elif name == "stop":
            self.call_next(self.run_action, "app.leave")
        elif name == "arm":
            self.call_next(self.run_action, "app.arm")

    def _ask_for(self, kind: RequestKind) -> Callable[[str, str], None]:
        def send(_: str, reason: str) -> None:
            self.request(kind, reason)

        return send

    def _flatten_by_word(self, _: str, __: str) -> None:
        self.request(RequestKind.FLATTEN, ":flatten")

    def _cancel(self, words: str) -> None:
        rows = self.view["orders"].rows or ()
        found = [row for row in rows if len(words) >= 6 and row["order_id"].endswith(words)]
        if len(found) != 1:
            self.say_hint(say("{} orders end in {}: look at 4", word(str(len(found))), safe(words)))
            return
        self.post_message(CancelWanted(found[0], selection_changed=False))

    def _theme(self, words: str) -> None:
        name = f"pilothouse-{words}"
        if name in self.available_themes:
            self.theme = name
        else:
            self.say_hint(Shown("themes: dark light high-contrast ansi classic"))

    def _help(self, code: str) -> None:
        if not code:
            self.call_next(self.run_action, "app.help")
            return
        lines = runbook_lines(code, self.size.width)
        if lines:
            self.dashboard.show_text(say("Runbook {}", safe(code)), lines)
        else:
            self.say_hint(say("{} is neither alert kind nor deny reason", safe(code, 40)))

    # -- the palette ------------------------------------------------------------------------

    def action_palette(self) -> None:
        """Every action by its words."""
        self.dashboard.choose(self._find, self._choose)

    def _find(self, typed: str) -> list[Choice]:
        return choices(
            typed,
            current=self.dashboard.current,
            contexts=self.dashboard.contexts,
            read_only=self.dashboard.read_only,
            armed=self.arming.armed,
        )

    def _choose(self, choice: Choice) -> None:
        """Do an action as its key would; one of another pane goes there first and stops there."""
        action = choice.action
        if choice.why_not:
            self.say_hint(choice.why_not)
        elif action.context in self.dashboard.contexts:
            self.call_next(self.run_action, action.call)
        elif action.context not in ("table", self.dashboard.current):
            self.dashboard.go(action.context)
            self.wanted_changed()
            if action.act is Act.LOOK:
                pane = self.dashboard.panes[action.context]
                self.call_next(pane.run_action, action.call)
            else:
                self.say_hint(say("choose a row, then {}", action.shown_keys))
        else:
            pane = self.dashboard.panes[self.dashboard.current]
            self.call_next(pane.run_action, action.call)
