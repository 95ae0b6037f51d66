"""Only changed cells are sent, and what is sent draws the same screen."""

import io
from pathlib import Path

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, Compositor
from textual.strip import Strip

from tests.tui.screens import application, press, ready, seeded, settled
from tui.actions import PANES
from tui.widgets.cells import BRIDGE, Cropped, changed
from tui.widgets.sparing import Sparing

WIDTH = 40
INKS = (None, Style(color="#ff0000"), Style(bold=True, color="#00ff00", bgcolor="#101010"))
pieces = st.lists(st.tuples(st.text("ab 19·中…", max_size=9), st.sampled_from(INKS)), max_size=8)


def strip_of(parts: list[tuple[str, Style | None]]) -> Strip:
    """A strip of the screen's width."""
    return Strip([Segment(text, ink) for text, ink in parts]).adjust_cell_length(WIDTH, Style())


def drawn(*sent: str) -> list[list[pyte.screens.Char]]:
    """What a terminal shows after some output."""
    screen = pyte.Screen(WIDTH, 3)
    stream = pyte.Stream(screen)
    for text in sent:
        stream.feed(text)
    return [[screen.buffer[y][x] for x in range(WIDTH)] for y in range(3)]


def update(line: Strip, spans: list[tuple[int, int]]) -> str:
    """The output for some spans of one line that two widgets share."""
    console = Console(file=io.StringIO(), color_system="truecolor", force_terminal=True)
    left, right = line.divide([20, WIDTH]) if line.cell_length == WIDTH else (line, line)
    chops = [{}, {0: left, 20: right}, {}]
    ends = [[WIDTH], [20, WIDTH], [WIDTH]]
    marked = [(1, x, end) for x, end in spans]
    return Cropped(chops, marked, ends).render_segments(console) if marked else ""


@given(pieces, pieces)
def test_changed_cells_alone_draw_the_new_line(
    before: list[tuple[str, Style | None]], after: list[tuple[str, Style | None]]
) -> None:
    old, new = strip_of(before), strip_of(after)
    whole = drawn(update(new, [(0, WIDTH)]))
    patched = drawn(update(old, [(0, WIDTH)]), update(new, changed(old, new)))
    assert patched == whole


def test_a_clock_that_ticks_is_one_short_run() -> None:
    old, new = strip_of([("14:30:07 ACTIVE", None)]), strip_of([("14:30:08 ACTIVE", None)])
    assert changed(old, new) == [(7, 8)]
    assert len(update(new, changed(old, new))) < 10


def test_changes_near_each_other_are_one_run() -> None:
    old, new = strip_of([("1" + "." * 5 + "1", None)]), strip_of([("2" + "." * 5 + "2", None)])
    assert changed(old, new) == [(0, 7)]
    far = "." * (BRIDGE + 1)
    assert (
        len(changed(strip_of([("1" + far + "1", None)]), strip_of([("2" + far + "2", None)]))) == 2
    )


def test_no_change_is_nothing_to_send() -> None:
    assert changed(strip_of([("same", INKS[1])]), strip_of([("same", INKS[1])])) == []


def test_the_update_of_the_library_still_takes_the_same_arguments() -> None:
    given_update = ChopsUpdate([{0: strip_of([("x", None)])}], [(0, 0, 1)], [[WIDTH]])
    assert Cropped(given_update.chops, given_update.spans, given_update.chop_ends).spans


async def test_what_is_rendered_sparingly_is_what_the_library_would_send(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = Console(file=io.StringIO(), color_system="truecolor", force_terminal=True)
    sparing, compared = Sparing.render_partial_update, 0

    def sent(given: ChopsUpdate | None) -> str:
        if given is None:
            return ""
        return Cropped(given.chops, given.spans, given.chop_ends).render_segments(console)

    def both(self: Sparing) -> ChopsUpdate | None:
        nonlocal compared
        dirty = set(self._dirty_regions)
        whole = sent(Compositor.render_partial_update(self))
        self._dirty_regions = dirty
        found = sparing(self)
        assert sent(found) == whole
        compared += bool(whole)
        return found

    monkeypatch.setattr(Sparing, "render_partial_update", both)
    app = application(seeded(tmp_path / "story.db"))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        for key, *_ in PANES:
            for typed in (key, "j", "j", "enter", "escape"):
                await press(pilot, typed)
                await settled(pilot)
    assert compared > 30
