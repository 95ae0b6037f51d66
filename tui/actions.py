"""Every key in one table: what it is called, where it works, what class of act it is.

Bindings, footer and help are made from it. Classes (a press of …):

    look      at once
    view      at once, as a request; undo or an audit row
    engine    only ARMED, and only after a question
    market    only ARMED, after a question, never on enter, space, digits or arrows
    protect   always, armed or not

Uppercase changes something (the exception is G, to the end); H J K L N are never danger keys,
because caps lock would turn movement into them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from textual.binding import Binding

from tui.format import BLANK, Shown, safe


class Act(Enum):
    """What a key press may do."""

    LOOK = "look"
    VIEW = "view"
    ENGINE = "engine"
    MARKET = "market"
    PROTECT = "protect"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a key does."""

    id: str  # also the name of the method that does it: action_<id>
    context: str  # "app", "table", or a pane's name
    keys: tuple[str, ...]  # as Textual names them
    label: Shown
    act: Act = Act.LOOK
    key_text: Shown = BLANK  # as people read them; made from `keys` where empty
    argument: str | int = ""
    footer: bool = False
    asks: bool = False  # a question follows
    priority: bool = False

    @property
    def call(self) -> str:
        """The action as Textual calls it."""
        name = f"{self.id}({self.argument!r})" if self.argument else self.id
        return f"app.{name}" if self.context == "app" else name

    @property
    def shown_keys(self) -> Shown:
        """The keys as a person reads them."""
        own = _own_keys.get(binding_id(self))
        if own is not None:
            return safe(own.replace(",", " "))
        return self.key_text or Shown(" ".join(self.keys))


_own_keys: dict[str, str] = {}


def use_keys(keymap: Mapping[str, str]) -> None:
    """Show these keys, by binding id, in footer, help and palette."""
    _own_keys.clear()
    _own_keys.update(keymap)


PANES: tuple[tuple[str, str, Shown, Shown], ...] = (
    # key, pane, strip label, title
    ("1", "overview", Shown("Over"), Shown("Overview")),
    ("2", "regime", Shown("Regm"), Shown("Regime")),
    ("3", "positions", Shown("Pos"), Shown("Positions")),
    ("4", "orders", Shown("Ord"), Shown("Orders")),
    ("5", "fills", Shown("Fill"), Shown("Fills")),
    ("6", "signals", Shown("Sig"), Shown("Signals and decisions")),
    ("7", "alerts", Shown("Alrt"), Shown("Alerts")),
    ("8", "reconciliation", Shown("Recn"), Shown("Reconciliation")),
    ("9", "sessions", Shown("Sess"), Shown("Sessions")),
    ("0", "log", Shown("Log"), Shown("Log")),
)
"""Panes of the strip, by key."""

MORE_PANES: tuple[tuple[str, str, Shown, Shown], ...] = (
    # key as Textual names it, pane, key as people read it, title
    ("e", "equity", Shown("e"), Shown("Equity")),
    ("v", "chart", Shown("v"), Shown("Chart")),
    ("comma", "parameters", Shown(","), Shown("Parameters")),
)
"""Panes without a place in the strip."""

S = Shown

ACTIONS: tuple[Action, ...] = (
    *(
        Action(id="pane", context="app", keys=(key,), label=title, argument=pane)
        for key, pane, _, title in PANES
    ),
    *(
        Action(
            id="pane", context="app", keys=(key,), label=title, argument=pane, key_text=text
        )
        for key, pane, text, title in MORE_PANES
    ),
    Action("next_pane", "app", ("tab",), S("next pane")),
    Action("previous_pane", "app", ("shift+tab",), S("previous pane")),
    Action("step_back", "app", ("escape", "q"), S("one step back"), key_text=S("esc q")),
    Action(
        "halt", "app", ("ctrl+k",), S("STOP"), Act.PROTECT, S("^k"), footer=True, priority=True
    ),
    Action(
        "leave", "app", ("Q", "ctrl+q"), S("leave"), Act.PROTECT, S("Q"), asks=True, footer=True
    ),
    Action("help", "app", ("question_mark",), S("help"), key_text=S("?"), footer=True),
    Action("explain", "app", ("i",), S("explain"), footer=True),
    Action("pause", "app", ("p",), S("pause"), Act.PROTECT, footer=True),
    Action("zoom", "app", ("z",), S("zoom"), footer=True),
    Action("trading_state", "app", ("T",), S("state"), Act.PROTECT, asks=True, footer=True),
    Action("arm", "app", ("ctrl+o",), S("arm"), Act.ENGINE, S("^o"), asks=True, footer=True),
    Action("buy", "app", ("B",), S("buy by hand"), Act.MARKET, asks=True),
    Action("sell", "app", ("S",), S("sell what manual owns"), Act.MARKET, asks=True),
    Action("slower", "app", ("less_than_sign",), S("slower (recorded clock)"), Act.VIEW, S("<")),
    Action("faster", "app", ("greater_than_sign",), S("faster (recorded clock)"), Act.VIEW, S(">")),
    Action("step", "app", ("right_square_bracket",), S("step (paused)"), Act.VIEW, S("]")),
    Action("say_how_to_leave", "app", ("ctrl+c",), S("how to leave or stop"), key_text=S("^c")),
    Action("play", "replay", ("p",), S("play"), footer=True),
    Action("play_slower", "replay", ("less_than_sign",), S("slower"), key_text=S("<")),
    Action("play_faster", "replay", ("greater_than_sign",), S("faster"), key_text=S(">"),
           footer=True),
    Action("step_by", "replay", ("left_square_bracket",), S("one input back"), key_text=S("["),
           argument=-1),
    Action("step_by", "replay", ("right_square_bracket",), S("step"), key_text=S("]"), argument=1,
           footer=True),
    Action("day_by", "replay", ("left_curly_bracket",), S("one date back"), key_text=S("{"),
           argument=-1),
    Action("day_by", "replay", ("right_curly_bracket",), S("date"), key_text=S("}"), argument=1,
           footer=True),
    Action("mark_by", "replay", ("left_parenthesis",), S("fill, denial or alert before"),
           key_text=S("("), argument=-1),
    Action("mark_by", "replay", ("right_parenthesis",), S("fill"), key_text=S(")"), argument=1,
           footer=True),
    Action("goto", "replay", ("at",), S("go to"), key_text=S("@"), asks=True, footer=True),
    Action("compare_now", "replay", ("apostrophe",), S("now, and back"), key_text=S("'"),
           footer=True),
    Action("up", "table", ("up", "k"), S("up"), key_text=S("↑ k")),
    Action("down", "table", ("down", "j"), S("down"), key_text=S("↓ j")),
    Action("page_up", "table", ("pageup", "left", "h"), S("page up"), key_text=S("pgup h")),
    Action("page_down", "table", ("pagedown", "right", "l"), S("page down"), key_text=S("pgdn l")),
    Action("first", "table", ("g", "home"), S("first row")),
    Action("last", "table", ("G", "end"), S("last row")),
    Action("detail", "table", ("enter",), S("detail"), footer=True),
    Action("command", "app", ("colon",), S("command line"), key_text=S(":")),
    Action("palette", "app", ("ctrl+p",), S("palette"), key_text=S("^p")),
    Action("zone", "app", ("t",), S("exchange time, local, UTC")),
    Action("freeze", "app", ("f",), S("freeze the panes")),
    Action("filter", "table", ("slash",), S("filter"), key_text=S("/")),
    Action("sort", "table", ("s",), S("sort")),
    Action("mark", "table", ("space",), S("mark")),
    Action("copy", "table", ("c",), S("copy")),
    Action("export", "table", ("x",), S("export"), asks=True),
    Action("close", "positions", ("X",), S("close"), Act.MARKET, asks=True, footer=True),
    Action("reduce", "positions", ("R",), S("reduce"), Act.MARKET, asks=True, footer=True),
    Action("cancel", "orders", ("C",), S("cancel"), Act.MARKET, asks=True, footer=True),
    Action("replace", "orders", ("M",), S("replace"), Act.MARKET, asks=True, footer=True),
    Action("cancel_shown", "orders", ("W",), S("cancel all shown working"), Act.MARKET,
           asks=True),
    Action("settle", "orders", ("U",), S("settle UNKNOWN"), Act.MARKET, asks=True),
    Action("hide_ended", "orders", ("w",), S("working only"), footer=True),
    Action("unknown_only", "orders", ("u",), S("UNKNOWN only")),
    Action("this_date", "fills", ("d",), S("this date only"), footer=True),
    Action("refused", "signals", ("d",), S("refused only"), footer=True),
    Action("acknowledge", "alerts", ("a",), S("acknowledge"), Act.VIEW, footer=True),
    Action("acknowledge_all", "alerts", ("A",), S("acknowledge all"), Act.VIEW, footer=True),
    Action("resolved", "alerts", ("r",), S("resolved"), footer=True),
    Action("snooze", "alerts", ("m",), S("snooze 1 h"), Act.VIEW, footer=True),
    Action("reconcile", "reconciliation", ("r",), S("reconcile now"), Act.VIEW, footer=True),
    Action("accept", "reconciliation", ("F",), S("accept"), Act.ENGINE, asks=True, footer=True),
    Action("less", "log", ("minus",), S("less"), key_text=S("-"), footer=True),
    Action("more", "log", ("plus",), S("more"), key_text=S("+"), footer=True),
    Action("and_filter", "log", ("ampersand",), S("and"), key_text=S("&"), footer=True),
    Action("whole_health", "log", ("w",), S("whole health"), footer=True),
    Action("mark_here", "log", ("m",), S("mark"), footer=True),
    Action("compare", "sessions", ("equals_sign",), S("compare two marked"), key_text=S("="),
           footer=True),
    Action("undo", "parameters", ("u",), S("undo"), Act.VIEW, footer=True),
    Action("changed", "parameters", ("d",), S("changed only"), footer=True),
    Action("apply", "parameters", ("P",), S("apply pending"), Act.ENGINE, asks=True, footer=True),
    Action("benchmark", "equity", ("b",), S("benchmark"), footer=True),
    Action("shorter", "equity", ("minus",), S("shorter range"), key_text=S("-"), footer=True),
    Action("longer", "equity", ("plus",), S("longer range"), key_text=S("+"), footer=True),
    Action("older", "regime", ("left_square_bracket",), S("decision before"), key_text=S("["),
           footer=True),
    Action("newer", "regime", ("right_square_bracket",), S("decision after"), key_text=S("]"),
           footer=True),
    Action("closer", "chart", ("minus",), S("fewer sessions"), key_text=S("-"), footer=True),
    Action("farther", "chart", ("plus",), S("more sessions"), key_text=S("+"), footer=True),
    Action("averages", "chart", ("m",), S("means of the readings"), footer=True),
    Action("log_scale", "equity", ("number_sign",), S("log scale"), key_text=S("#"), footer=True),
)  # fmt: skip


def of(*contexts: str) -> tuple[Action, ...]:
    """Return the actions of these contexts."""
    return tuple(action for action in ACTIONS if action.context in contexts)


def binding_id(action: Action) -> str:
    """Return the name under which a binding's keys can be changed."""
    tail = f".{action.argument}" if action.argument != "" else ""
    return f"{action.context}.{action.id}{tail}"


def keys_of(binding: str) -> tuple[str, ...]:
    """Return the keys that do an action now, as Textual names them."""
    if binding in _own_keys:
        return tuple(_own_keys[binding].split(","))
    return next((a.keys for a in ACTIONS if binding_id(a) == binding), ())


def bindings(*contexts: str, read_only: bool = False) -> list[Binding]:
    """Return the key bindings of these contexts."""
    return [
        Binding(
            ",".join(action.keys),
            action.call,
            action.label,
            show=False,
            priority=action.priority,
            id=f"{action.context}.{action.id}{action.argument and f'.{action.argument}'}",
        )
        for action in of(*contexts)
        if allowed(action, read_only=read_only)
    ]


def allowed(action: Action, *, read_only: bool) -> bool:
    """Say whether a screen has this action at all; a read-only one keeps the stop key."""
    if not read_only:
        return True
    return action.act is Act.LOOK or action.id in ("halt", "leave")


def footer(
    actions: Iterable[Action], *, read_only: bool = False
) -> tuple[tuple[Shown, Shown], ...]:
    """Return (keys, label) of the actions that the footer names; `…` where a question follows."""
    return tuple(
        (action.shown_keys, Shown(action.label + ("…" if action.asks else "")))
        for action in actions
        if action.footer and allowed(action, read_only=read_only)
    )
