"""Lines of shown text, painted one by one: what every widget of ours is made of.

One way to the terminal: spans of `Shown` text with an ink (a meaning, not a color) become
strips; a line that did not change is not painted again; in ASCII mode every line goes through
`to_ascii` here and nowhere else. There is no markup anywhere on this path.
"""

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.format import BLANK, Shown, to_ascii
from tui.widgets.cells import changed

INKS = (
    "plain", "gain", "loss", "danger", "warn", "stale", "quiet", "head", "title", "titled",
    "key", "cursor", "bar", "ask", "flash",
)  # fmt: skip
"""Meanings; the theme says how each looks."""

INK_CLASSES = frozenset(f"ink--{ink}" for ink in INKS)
"""The style sheet's names of them. They belong to the screen, where they are worked out once:
a set for each widget was half of the time to the first paint."""


class Span(NamedTuple):
    """A piece of a line."""

    text: Shown
    ink: str = "plain"


class Line(NamedTuple):
    """Spans from left to right, and the ink that covers them and fills the rest."""

    spans: tuple[Span, ...] = ()
    ink: str = "plain"


def line(*parts: Shown | Span, ink: str = "plain") -> Line:
    """Return a line of parts."""
    return Line(tuple(p if isinstance(p, Span) else Span(p) for p in parts), ink)


EMPTY = Line()


class Lines(Widget):
    """A widget whose content is a list of lines."""

    ascii_only = False
    """Set once for all widgets before the screen is built."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes, markup=False)
        self._lines: tuple[Line, ...] = ()
        self._strips: dict[int, Strip] = {}
        self._inks: dict[tuple[str, str], Style] = {}
        self.painted_lines = 0  # how many lines were marked for painting so far

    @property
    def lines(self) -> tuple[Line, ...]:
        """What is shown now."""
        return self._lines

    @property
    def text(self) -> str:
        """What is shown now, as plain text: for tests."""
        return "\n".join("".join(span.text for span in each.spans) for each in self._lines)

    def paint(self, lines: Sequence[Line]) -> None:
        """Show these lines; only the cells that differ are painted."""
        before, self._lines = self._lines, tuple(lines)
        if before == self._lines:
            return
        rows = max(len(before), len(self._lines))
        dirty = [y for y in range(rows) if _at(before, y) != _at(self._lines, y)]
        self.painted_lines += len(dirty)
        width = self.size.width
        regions = [
            Region(x, y, end - x, 1) for y in dirty for x, end in self._dirty_cells(y, width)
        ]
        if regions:
            self._mark(regions)

    def _mark(self, regions: Sequence[Region]) -> None:
        """Have regions painted: what `refresh` comes to where neither size nor style changed.

        It goes by a message to the widget and one from there to the screen, which was a fifth of
        what a busy screen costs.
        """
        if not self.is_mounted:
            self.refresh(*regions)
            return
        self._set_dirty(*regions)
        screen = self.screen
        if self.display and screen in screen._compositor:
            screen._dirty_widgets.add(self)
            screen.check_idle()

    def _dirty_cells(self, y: int, width: int) -> list[tuple[int, int]]:
        """Return the runs of cells in which a line differs from what was last painted."""
        was = self._strips.pop(y, None)
        if not width or was is None or was.cell_length != width:
            return [(0, width)] if width else []
        return changed(was, self.render_line(y))

    def render_line(self, y: int) -> Strip:
        """Return one line of the screen."""
        strip, width = self._strips.get(y), self.size.width
        if strip is None or strip.cell_length != width:
            strip = self._strip(_at(self._lines, y), width)
            self._strips[y] = strip
        return strip

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return lines as they are: the style sheet gives no widget of ours a frame or padding."""
        strips = [self.render_line(y) for y in crop.line_range]
        filters = self.app.get_line_filters()
        if filters:
            background = self.background_colors[1]
            for each in filters:
                strips = [strip.apply_filter(each, background) for strip in strips]
        left, right = crop.column_span
        return [strip.crop(left, right) for strip in strips]

    def notify_style_update(self) -> None:
        """Colors changed: nothing painted so far is right."""
        super().notify_style_update()
        self._strips.clear()
        self._inks.clear()

    def _strip(self, what: Line, width: int) -> Strip:
        segments: list[Segment] = []
        used = 0
        for text, ink in what.spans:
            shown = to_ascii(text) if self.ascii_only else text
            segments.append(Segment(shown, self._style(ink, what.ink)))
            used += len(shown) if shown.isascii() else cell_len(shown)
        strip = Strip(segments, used)
        return strip.adjust_cell_length(width, self._style("plain", what.ink))

    def _style(self, ink: str, over: str) -> Style:
        """An ink on a line: the line's background, and its color unless the span has its own."""
        style = self._inks.get((ink, over))
        if style is None:
            of_screen = self.screen.get_component_rich_style
            style = of_screen(f"ink--{over}")
            if ink != "plain":
                own = of_screen(f"ink--{ink}", partial=True)
                style = style + (
                    Style(reverse=own.reverse, bold=own.bold) if _covers(over) else own
                )
            self._inks[ink, over] = style
        return style


def _covers(ink: str) -> bool:
    """On a reversed line a color of its own would become a background of its own."""
    return ink in ("cursor", "titled", "danger")


def _at(lines: Sequence[Line], y: int) -> Line:
    return lines[y] if y < len(lines) else EMPTY


def rule(text: Shown = BLANK) -> Line:
    """Return a heading inside a pane."""
    return line(text, ink="head")
