"""Only the cells that changed go to the terminal.

A line of 120 cells costs 700 bytes, the two digits of a clock on it 60. `changed` finds the
runs of cells that differ; `Cropped` sends those runs and nothing left of them, where the
library sends a widget's line from its left edge (its own note there says "TODO: crop"). `Sparing`
renders the widgets and lines in which something changed; the library renders all that stands
between the first and the last of them, which a clock at the top makes the whole screen.
"""

from collections.abc import Iterable
from functools import lru_cache

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import Console
from rich.control import Control
from rich.style import Style
from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.strip import Strip

BRIDGE = 12
"""Equal cells between two changes that are sent again: a jump and new colors cost more."""

_Cell = tuple[str, Style | None, int]  # character, style, which cell of the character


def changed(old: Strip, new: Strip) -> list[tuple[int, int]]:
    """Return the runs of cells, as half-open ranges, in which two strips differ."""
    before, after = _cells(old), _cells(new)
    if len(before) != len(after):
        return [(0, len(after))]
    runs: list[tuple[int, int]] = []
    for x, (was, now) in enumerate(zip(before, after, strict=True)):
        if was == now:
            continue
        if runs and x - runs[-1][1] < BRIDGE:
            runs[-1] = (runs[-1][0], x + 1)
        else:
            runs.append((x, x + 1))
    return runs


def _cells(strip: Strip) -> list[_Cell]:
    cells: list[_Cell] = []
    for text, style, _ in strip:
        if text.isascii():
            cells += [(letter, style, 0) for letter in text]
            continue
        for letter in text:
            cells += [(letter, style, n) for n in range(cell_len(letter))]
    return cells


class Cropped(ChopsUpdate):
    """A partial update that sends no cell outside its spans, and a color only when it changes."""

    def render_segments(self, console: Console) -> str:
        """Return the terminal sequences."""
        system = console._color_system or ColorSystem.TRUECOLOR
        sequences: list[str] = []
        worn = ""
        for y, left, right in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                first, last = max(x, left), min(end, right)
                if strip is None or first >= last:
                    continue
                sequences.append(Control.move_to(first, y).segment.text)
                for text, style, _ in strip.crop(first - x, last - x):
                    codes = _codes(style, system) if style else ""
                    if codes != worn:
                        sequences.append(f"\x1b[0;{codes}m" if codes else "\x1b[0m")
                        worn = codes
                    sequences.append(text)
        return "".join([*sequences, "\x1b[0m"] if worn else sequences)


class Sparing(Compositor):
    """Renders for a partial update what is in its dirty regions, and nothing between them."""

    _dirty: tuple[Region, ...] = ()

    def render_partial_update(self) -> ChopsUpdate | None:
        """Return the update, None if there is none."""
        self._dirty = tuple(self._dirty_regions)
        try:
            return super().render_partial_update()
        finally:
            self._dirty = ()

    def _get_renders(
        self, crop: Region | None = None
    ) -> Iterable[tuple[Region, Region, list[Strip]]]:
        if not self._dirty:
            yield from super()._get_renders(crop)
            return
        for widget, (region, clip) in self.visible_widgets.items():
            seen = region.intersection(clip)
            dirty = [each for each in self._dirty if each.overlaps(seen)]
            if not dirty:
                continue
            top = max(seen.y, min(each.y for each in dirty))
            bottom = min(seen.bottom, max(each.bottom for each in dirty))
            lines = Region(seen.x, top, seen.width, bottom - top)
            yield region, lines, widget.render_lines(lines.translate(-region.offset))


@lru_cache(maxsize=1024)
def _codes(style: Style, system: ColorSystem) -> str:
    """Return what the library would set for a style, without its framing."""
    return style.render("\0", color_system=system).partition("\0")[0][2:-1]
