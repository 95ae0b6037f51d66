"""What can be typed after `:` and chosen from the palette, made from the action table.

Every action is a verb under its name; panes are verbs too; some verbs take words. Prefixes do
for verbs that only look; those that act must be whole and open the question of their key.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.risk.reasons import DenyReason
from engine.risk.runbook import ALERTS
from tui.actions import ACTIONS, Act, Action, allowed
from tui.format import Shown, fit, say
from tui.widgets.lines import Line, Span, line

WORDY: dict[str, tuple[Act, Shown]] = {
    "explain": (Act.LOOK, Shown("ID: the chain behind it")),
    "goto": (Act.LOOK, Shown("WHERE: an id, seq 18204, 15:41, start, end")),
    "filter": (Act.LOOK, Shown("TEXT: rows of this pane")),
    "sort": (Act.LOOK, Shown("COLUMN: order of this pane; none restores")),
    "theme": (Act.LOOK, Shown("NAME: dark light high-contrast ansi classic")),
    "help": (Act.LOOK, Shown("CODE: runbook of an alert kind or deny reason")),
    "quit": (Act.LOOK, Shown("leave…")),
    "arm": (Act.ENGINE, Shown("MINUTES: 5, 15 or 60")),
    "halt": (Act.PROTECT, Shown("REASON: nothing is sent")),
    "reduce": (Act.PROTECT, Shown("exits only…")),
    "resume": (Act.ENGINE, Shown("all orders…")),
    "flatten": (Act.PROTECT, Shown("close everything, then HALT…")),
    "stop": (Act.PROTECT, Shown("stop the session and leave…")),
    "cancel": (Act.MARKET, Shown("ID: cancel an order…")),
    "buy": (Act.MARKET, Shown("10 TQQQ LIMIT 50: an order by hand…")),
    "sell": (Act.MARKET, Shown("10 TQQQ: of what manual owns…")),
    "close": (Act.MARKET, Shown("SYMBOL: close a position…")),
}
"""Verbs that take words, or have no key of their own."""

NO_VERBS = frozenset({"command", "palette", "pane", "say_how_to_leave"})
MOVES = frozenset({"up", "down", "page_up", "page_down", "first", "last"})


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing that can be typed or chosen."""

    name: str
    label: Shown
    act: Act
    action: Action | None = None  # None: it takes words


def verbs(contexts: Iterable[str], *, read_only: bool) -> dict[str, Verb]:
    """Return the verbs of a screen by name: panes, words, then the actions of these contexts."""
    found = {
        str(a.argument): Verb(str(a.argument), a.label, a.act, a)
        for a in ACTIONS
        if a.id == "pane"
    }  # fmt: skip
    for name, (act, label) in WORDY.items():
        if not read_only or act is Act.LOOK or name == "halt":
            found[name] = Verb(name, label, act)
    known = set(contexts)
    for action in ACTIONS:
        name = action.id.replace("_", "-")
        wanted = action.context in known and action.id not in NO_VERBS | MOVES
        if wanted and name not in found and allowed(action, read_only=read_only):
            found[name] = Verb(name, action.label, action.act, action)
    return found


def verb_named(typed: str, known: dict[str, Verb]) -> Verb | None:
    """Return the verb of this name, or the only one that looks and begins so."""
    if typed in known:
        return known[typed]
    looking = [v for n, v in known.items() if v.act is Act.LOOK and typed and n.startswith(typed)]
    return looking[0] if len(looking) == 1 else None


def words_after(verb: str, ids: Sequence[str], columns: Sequence[str]) -> tuple[str, ...]:
    """Return what may follow a verb: ids, codes, columns, themes."""
    if verb in ("explain", "goto", "cancel"):
        return tuple(ids)
    if verb == "help":
        return (*sorted(ALERTS), *sorted(reason.value for reason in DenyReason))
    if verb == "sort":
        return tuple(columns)
    if verb == "theme":
        return ("dark", "light", "high-contrast", "ansi", "classic")
    return ("5", "15", "60") if verb == "arm" else ()


def remembered(verb: Verb, typed: str) -> str:
    """Return what the history keeps: never a reason, nor any word after a verb that acts."""
    return typed if verb.act is Act.LOOK else verb.name


# -- the palette ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choice:
    """A row of the palette."""

    action: Action
    why_not: Shown  # blank: it works now


def choices(
    typed: str, *, current: str, contexts: Iterable[str], read_only: bool, armed: bool
) -> list[Choice]:
    """Return the actions that a text fits, the best first; those of the shown pane before others.

    Fuzzy: the letters in their order, over label, name, pane and keys.
    """
    known = {*contexts, "table", *(a.argument for a in ACTIONS if a.id == "pane")}
    ranked: list[tuple[int, int, int, Choice]] = []
    for n, action in enumerate(ACTIONS):
        if action.id in MOVES | {"palette"} or action.context not in known:
            continue
        if not allowed(action, read_only=read_only):
            continue
        rank = _rank(typed, f"{action.label} {action.id} {action.context} {action.argument}")
        if rank is None:
            continue
        waits = action.act in (Act.ENGINE, Act.MARKET) and action.id != "arm" and not armed
        why = Shown("not armed: ctrl+o") if waits else Shown("")
        ranked.append((rank, action.context != current, n, Choice(action, why)))
    return [choice for *_, choice in sorted(ranked, key=lambda row: row[:3])]


def _rank(typed: str, text: str) -> int | None:
    """0: a word begins so; 1: it is in the text; 2: its letters are, in order; None: no."""
    typed, text = typed.casefold().strip(), text.casefold()
    if any(word.startswith(typed) for word in text.split()):
        return 0
    if typed in text:
        return 1
    letters = iter(text)
    return 2 if all(letter in letters for letter in typed.replace(" ", "")) else None


def choice_line(choice: Choice, *, here: bool, width: int) -> Line:
    """Return a row: keys, label, pane, class, and why it does not work now."""
    action = choice.action
    where = Shown("" if action.context in ("app", "table") else action.context)
    dots = Shown("…") if action.asks else Shown("")
    text = say(
        "{}{} {} {} {}",
        Shown(">" if here else " "),
        fit(action.shown_keys, 8),
        fit(say("{}{}", action.label, dots), 26),
        fit(where, 14),
        fit(Shown(action.act.value), 8),
    )
    ink = "cursor" if here else "ask"
    tone = "stale" if choice.why_not else "plain"
    return line(
        Span(fit(text, max(0, min(width, 62))), tone), Span(choice.why_not, "warn"), ink=ink
    )
