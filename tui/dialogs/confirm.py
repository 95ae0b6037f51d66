"""The docked question: frozen facts, no by default, nothing by a stray key.

It stands above the footer; the table above stays live. `enter` answers nothing unless a word
or reason is typed; any other key means no. Answers are dropped, with a word about it, when
they are older than half a second or come within 400 ms of the question: that is type-ahead.
Pasted text is never keys. What follows from an answer is the asker's business.
"""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from textual.events import Key, Paste

from tui.format import BLANK, Shown, safe, say
from tui.widgets.lines import Line, Lines, Span, line

OPENED_S = 0.4
KEY_AGE_S = 0.5
PANEL_ROWS = 7
MIN_COLUMNS, MIN_ROWS = 60, 16  # of a terminal in which a question is seen whole
TOO_SMALL = Shown("the question needs 60×16 to be seen whole; ctrl+k works")

Facts = tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class Typed:
    """What has to be typed: a word that stands for yes, or a reason."""

    prompt: Shown
    accepts: Callable[[str], bool]
    wanted: Shown  # said while it is not there yet
    enter: Shown = Shown("enter sends")  # noqa: RUF009  a literal


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, the facts it rests on, the answers there are, and what an answer does."""

    title: Shown
    facts: Facts | Callable[[], Facts]
    answers: tuple[tuple[str, Shown], ...]  # key → what it does; ignored where something is typed
    then: Callable[[str, str], None]  # (key, typed text); not called for no
    typed: Typed | None = None
    lasts_s: float | None = 10.0  # None: until esc, other keys change nothing
    danger: bool = True
    anywhere: bool = False  # asked on a terminal of any size: it protects
    text: str = ""  # what stands in the line already, where something is typed


def reason_needed(prompt: Shown) -> Typed:
    """Return a prompt for a reason of at least three characters."""
    return Typed(prompt, lambda text: len(text.strip()) >= 3, Shown("at least 3 characters"))


def word_needed(word: str) -> Typed:
    """Return a prompt for one exact word."""
    shown = safe(word)
    return Typed(say("type {}, then enter:", shown), lambda text: text == word, shown)


class ConfirmPanel(Lines, can_focus=True):
    """The docked panel; one question at a time."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.question: Question | None = None
        self.opened_at = 0.0
        self.text_typed = ""
        self.note = BLANK
        self.closed: Callable[[Shown], None] = lambda _: None

    def open(self, question: Question) -> None:
        """Ask; a question that is open gives way as if answered no."""
        self.question = question
        self.opened_at = monotonic()
        self.text_typed = question.text
        self.note = BLANK
        self.styles.height = PANEL_ROWS
        self.display = True
        self.refresh_lines()

    def close(self, why: Shown = BLANK) -> None:
        """Take the question away."""
        if self.question is None:
            return
        self.question = None
        self.display = False
        self.closed(why)

    @property
    def left_s(self) -> float | None:
        """Seconds until the answer is no by itself."""
        if self.question is None or self.question.lasts_s is None:
            return None
        lasts = 30.0 if self.question.typed else self.question.lasts_s
        return max(0.0, self.opened_at + lasts - monotonic())

    def tick(self) -> None:
        """Once a second: count down, show newer facts."""
        if self.question is None:
            return
        if self.left_s == 0.0:
            self.close(Shown("no answer: nothing was sent"))
        else:
            self.refresh_lines()

    def on_resize(self) -> None:
        """The width is known from here on."""
        self.refresh_lines()

    def fits(self, question: Question) -> bool:
        """Say whether a question may be asked here: what is dangerous must be seen whole."""
        columns, rows = self.screen.size
        is_seen = columns >= MIN_COLUMNS and rows >= MIN_ROWS
        return is_seen or question.anywhere or not question.danger

    # -- keys ------------------------------------------------------------------------------

    def on_paste(self, event: Paste) -> None:
        """Pasted text is never keys."""
        event.stop()
        self.note = Shown("pasted text is ignored: type it")
        self.refresh_lines()

    def on_key(self, event: Key) -> None:
        """Every key ends here while a question is open (the stop key comes before)."""
        event.stop()
        event.prevent_default()
        question = self.question
        if question is None:
            return
        if event.key == "escape":
            self.close(BLANK if question.lasts_s is None else Shown("no: nothing was sent"))
        elif monotonic() - event.time > KEY_AGE_S or event.time - self.opened_at < OPENED_S:
            self.note = Shown("too early or too late a key: press it again")
            self.refresh_lines()
        elif question.typed is not None:
            self._type(event, question, question.typed)
        else:
            self._choose(event, question)

    def _choose(self, event: Key, question: Question) -> None:
        pressed = event.character or event.key
        if pressed in (key for key, _ in question.answers):
            self._answer(question, pressed)
        elif event.key != "enter" and question.lasts_s is not None:
            self.close(Shown("no: nothing was sent"))

    def _type(self, event: Key, question: Question, typed: Typed) -> None:
        self.note = BLANK
        if event.key == "enter":
            if typed.accepts(self.text_typed):
                self._answer(question, "enter")
                return
            self.note = typed.wanted
        elif event.key in ("backspace", "ctrl+h"):
            self.text_typed = self.text_typed[:-1]
        elif event.key == "ctrl+u":
            self.text_typed = ""
        elif event.is_printable and event.character:
            self.text_typed = (self.text_typed + event.character)[:200]
        self.refresh_lines()

    def _answer(self, question: Question, key: str) -> None:
        text = self.text_typed.strip()
        self.close()
        question.then(key, text)

    # -- painting --------------------------------------------------------------------------

    def refresh_lines(self) -> None:
        """Paint the question as it stands."""
        question = self.question
        if question is None or not self.size.width:
            return
        left = self.left_s
        title = Span(say(" {} ", question.title), "danger" if question.danger else "titled")
        clock = BLANK if left is None else say("  no in {}s", Shown(str(int(left + 0.999))))
        facts = question.facts() if callable(question.facts) else question.facts
        lines: list[Line] = [line(title, Span(clock, "quiet"), ink="ask")]
        lines += [line(say(" {}", fact), ink="ask") for fact in folded(facts, self.size.width)]
        lines += [line(ink="ask")] * (PANEL_ROWS - 1 - len(lines))
        lines.append(self._last_line(question))
        self.paint(lines)

    def _last_line(self, question: Question) -> Line:
        note = Span(say("   {}", self.note) if self.note else BLANK, "warn")
        if question.typed is not None:
            entry = Span(say(" {} ", safe(self.text_typed)), "cursor")
            hint = Span(say("  {}  esc no", question.typed.enter), "quiet")
            return line(say(" {} ", question.typed.prompt), entry, hint, note, ink="ask")
        spans: list[Span] = []
        for key, label in question.answers:
            spans += [Span(say(" {}", safe(key)), "key"), Span(say(" {} ", label))]
        no = Shown(" close ") if question.lasts_s is None else Shown(" no ")
        spans += [Span(Shown(" esc"), "key"), Span(no)]
        return line(*spans, note, ink="ask")


def folded(facts: Facts, width: int) -> list[Shown]:
    """Return facts in lines of a width: folded where there is room for all of them, else not."""
    room, most = max(1, width - 2), PANEL_ROWS - 2
    whole = [Shown(piece) for fact in facts for piece in textwrap.wrap(fact, room) or [fact]]
    return whole if len(whole) <= most else list(facts[:most])
