"""The dashboard: status, strip, panes, question, message and footer, and where each is.

It arranges and shows; what a key does is the application's business.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from time import monotonic

from textual.app import ComposeResult
from textual.containers import Container
from textual.events import Resize
from textual.screen import Screen

from storage.queries.pages import Window
from tui.actions import footer, of
from tui.dialogs.confirm import ConfirmPanel
from tui.dialogs.palette import PALETTE_ROWS, Palette
from tui.format import BLANK, Shown, age, say
from tui.layout import WIDE_COLUMNS, Box, boxes, shows_several
from tui.messages import Said
from tui.panes.alerts import AlertsPane
from tui.panes.chart import ChartPane
from tui.panes.equity import EquityPane
from tui.panes.fills import FillsPane
from tui.panes.log import LogPane
from tui.panes.orders import OrdersPane
from tui.panes.overview import OverviewPane
from tui.panes.pane import Pane
from tui.panes.parameters import ParametersPane
from tui.panes.positions import PositionsPane
from tui.panes.reconciliation import ReconciliationPane
from tui.panes.regime import RegimeCard, RegimePane
from tui.panes.sessions import SessionsPane
from tui.panes.signals import SignalsPane
from tui.screens.help import HelpPane
from tui.source import ALWAYS, page_name
from tui.verbs import Choice
from tui.view import Moment, View, Wanted, looks_alike
from tui.widgets.entry import Entry, EntryLine
from tui.widgets.lines import INK_CLASSES, Line, Span, line
from tui.widgets.sparing import Sparing
from tui.widgets.status import Footer, MessageLine, StatusLine, Strip

FRAME_TOPICS = frozenset({"session", "beat", "trading", "counts", "reconciliation", "readings"})
LOW_ROWS = 12
FROZEN_S = 60.0  # the panes go on by themselves
OUTSIDE = ("card", "equity", "chart", "help")
"""Panes that tab does not come by where one stands alone."""


class Dashboard(Screen[None], inherit_bindings=False):
    """All panes; code says which are shown and where."""

    COMPONENT_CLASSES = set(INK_CLASSES)
    AUTO_FOCUS = None

    def __init__(
        self,
        *,
        read_only: bool,
        clock: Callable[[], datetime],
        contexts: tuple[str, ...] = ("app",),
    ) -> None:
        super().__init__()
        self._compositor = Sparing()
        self.contexts = contexts
        self.read_only = read_only
        self.now = clock
        self.view: View | None = None
        self.current = "overview"
        self.zoomed = False
        self.came_from: list[str] = []
        self.status = StatusLine(id="status")
        self.strip = Strip(id="strip")
        self.confirm = ConfirmPanel(id="confirm")
        self.palette = Palette(id="palette")
        self.entry = EntryLine(id="entry")
        self.message = MessageLine(id="message")
        self.keys = Footer(id="footer")
        made: list[Pane] = [
            OverviewPane(), RegimePane(), PositionsPane(), OrdersPane(), FillsPane(),
            SignalsPane(), AlertsPane(), ReconciliationPane(), SessionsPane(), LogPane(),
            RegimeCard(), EquityPane(), ChartPane(), ParametersPane(),
            HelpPane(read_only=read_only, contexts=contexts),
        ]  # fmt: skip
        self.panes = {pane.pane: pane for pane in made}
        self.armed = Shown("safe")
        self.sought: str | None = None  # what `:goto` is looking for
        self.frozen_at: float | None = None  # since when the panes stand still
        self.ready = False  # keys may come before the widgets are there

    def compose(self) -> ComposeResult:
        """Build every pane once; hidden ones cost nothing."""
        yield self.status
        yield self.strip
        yield Container(*self.panes.values(), id="area")
        yield self.confirm
        yield self.palette
        yield self.entry
        yield self.message
        yield self.keys

    # -- where things are ------------------------------------------------------------------

    @property
    def shown(self) -> list[str]:
        """The panes that are shown now."""
        return [name for name, pane in self.panes.items() if pane.display]

    @property
    def wanted(self) -> Wanted:
        """Every topic and window that the shown panes and the frame need."""
        topics: set[str | Window] = set(FRAME_TOPICS)
        if self.sought is not None:
            topics.add(self.sought)
        for name in self.shown:
            pane = self.panes[name]
            topics |= _topics_of(pane)
            if pane.window is not None:
                topics.add(pane.window)
        return frozenset(topics)

    def on_mount(self) -> None:
        """Start with the overview, or with several panes where they fit."""
        self.ready = True
        self.confirm.display = False
        self.confirm.closed = self._question_closed
        self.entry.display = False
        self.entry.closed = self._entry_closed
        self.palette.display = False
        self.palette.closed = self.place
        if shows_several(*self.size):
            self.current = "positions"
        self.place()
        if self.view is not None:
            self.show(self.view)

    def on_resize(self, event: Resize) -> None:
        """Lay out anew; cursor, detail and an open question survive."""
        if self.ready:
            self.place()

    def place(self) -> None:
        """Place the panes that are shown and hide the others."""
        if not self.ready:
            return
        columns, rows = self.size
        low = rows < LOW_ROWS
        self.strip.display = not low and columns < WIDE_COLUMNS  # all panes are in sight there
        self.keys.display = not low
        rows_left = rows - (2 if low else 3 + self.strip.display)
        if self.confirm.display:
            rows_left -= min(7, max(0, rows_left - 3))
        if self.palette.display:
            rows_left -= min(PALETTE_ROWS, max(0, rows_left))
        if self.current == "help":
            placed = {"help": Box(0, 0, columns, max(0, rows_left))}
        else:
            placed = boxes(columns, rows, rows_left, self.current, zoomed=self.zoomed)
        for name, pane in self.panes.items():
            box = placed.get(name)
            pane.display = box is not None
            if box is not None:
                pane.styles.offset = (box.x, box.y)
                pane.styles.width = box.width
                pane.styles.height = box.height
        if not (self.confirm.has_focus or self.entry.display or self.palette.display):
            self.panes[self.current].focus()
        self.paint_frame()

    def type_in(self, entry: Entry) -> None:
        """Open the line to type in, where messages are otherwise."""
        if not self.ready or self.confirm.display:
            return
        self.message.display = False
        self.entry.open(entry)
        self.set_focus(self.entry)  # at once: the next key may be here already

    def choose(self, find: Callable[[str], list[Choice]], chosen: Callable[[Choice], None]) -> None:
        """Dock the palette."""
        if not self.ready or self.confirm.display:
            return
        self.entry.give_way()
        self.palette.open(find, chosen)
        self.place()
        self.set_focus(self.palette)

    def show_text(self, title: Shown, lines: list[Line]) -> None:
        """Show lines in place of the panes until esc."""
        found = self.panes["help"]
        assert isinstance(found, HelpPane)
        found.instead = [line(title, ink="head"), *lines]
        self.go("help")
        found.flush()

    def _entry_closed(self) -> None:
        self.message.display = True
        self.place()

    def _question_closed(self, why: Shown) -> None:
        self.place()
        self.panes[self.current].focus()
        if why:
            self.post_message(Said(why))

    def go(self, name: str) -> None:
        """Move to a pane; one that is not shown takes the place of another until esc."""
        if name == self.current:
            return
        chart, row = self.panes["chart"], self.panes[self.current].row
        if isinstance(chart, ChartPane) and row is not None and row.get("symbol"):
            chart.symbol, chart.panned = str(row["symbol"]), 0
        if not self.panes[name].display or name == "help":
            self.came_from.append(self.current)
            self.thaw()  # another pane shows what is now
        self.current = name
        self.place()
        if self.view is not None:
            self.panes[name].show(self.view)

    def cycle(self, steps: int) -> None:
        """Move to the next or previous pane: among those shown, or through all by key."""
        ring = [name for name in self.shown if name != "help"]
        if len(ring) < 2:
            ring = [name for name in self.panes if name not in OUTSIDE]
        at = ring.index(self.current) if self.current in ring else 0
        self.current = ring[(at + steps) % len(ring)]
        self.place()
        if self.view is not None:
            self.panes[self.current].show(self.view)

    def back(self) -> bool:
        """One step back: detail, zoom, pane that was replaced, cursor. Say if there was one."""
        pane = self.panes[self.current]
        if pane.back():
            return True
        if self.zoomed:
            self.zoomed = False
        elif self.came_from:
            pane.let_go()
            self.current = self.came_from.pop()
        else:
            return pane.let_go()
        self.place()
        return True

    # -- what is shown ---------------------------------------------------------------------

    def show(self, view: View) -> None:
        """Give what was read to the panes that are shown."""
        self.view = view
        if not self.ready:
            return
        if self.frozen_text:
            self.confirm.refresh_lines()
            return
        for name in self.shown:
            pane = self.panes[name]
            topics = FRAME_TOPICS | ALWAYS | _topics_of(pane)
            if pane.window is not None:
                topics |= {page_name(pane.window)}
            if pane.view is None or not looks_alike(topics, pane.view, view):
                pane.show(view)
        self.confirm.refresh_lines()

    def paint_now(self) -> None:
        """Send what was marked at once: the library's own timer wakes up twice for it.

        A new layout, and what comes with it, is the library's.
        """
        another = self._layout_required or self._scroll_required or self._repaint_required
        if self._dirty_widgets and not another and self.is_current and self.app.is_running:
            self._compositor.update_widgets(self._dirty_widgets)
            self._compositor_refresh()

    def freeze(self) -> None:
        """Let the panes stand still for a while."""
        self.frozen_at = monotonic()
        self._mark_frozen()

    def thaw(self) -> bool:
        """Let the panes go on; say whether they stood still."""
        was, self.frozen_at = self.frozen_at is not None, None
        if was:
            self._mark_frozen()
            if self.view is not None:
                self.show(self.view)
        return was

    @property
    def frozen_text(self) -> Shown:
        """Since when the panes stand still; blank if they do not."""
        if self.frozen_at is None:
            return BLANK
        since = monotonic() - self.frozen_at
        if since > FROZEN_S:
            self.thaw()
            return BLANK
        return say("FROZEN {}", age(since))

    def _mark_frozen(self) -> None:
        for name in self.shown:
            self.panes[name].standing = self.frozen_text
            self.panes[name].flush()

    def paint_frame(self, messages: Sequence[Span] | None = None) -> None:
        """Paint status, strip and footer; the message line when there is something new."""
        if not self.ready:
            return
        if self.frozen_at is not None:
            self._mark_frozen()
        view = self.view or View(Moment(self.now()))
        self.status.show(view, self.armed, read_only=self.read_only, now=self.now())
        failed = frozenset(
            name for name, pane in self.panes.items() if pane.topics and view[pane.topics[0]].failed
        )
        self.strip.show(view, self.current, failed)
        rows = self.panes[self.current].columns or self.current == "overview"
        table = of("table") if rows else ()
        always = [action for context in self.contexts for action in of(context)]
        keys = (*of(self.current), *table, *always)
        self.keys.show(footer(keys, read_only=self.read_only))
        if messages is not None:
            self.message.show(messages)


def _topics_of(pane: Pane) -> frozenset[str]:
    """Return the readings that a pane needs now."""
    chain = () if pane.chain_of is None else ("explain:" + pane.chain_of,)
    return pane.more_topics.union(pane.topics, chain)
