"""Only the cells that changed go to the terminal.

A line of 120 cells costs 700 bytes, the two digits of a clock on it 60. `changed` finds the
runs of cells that differ; `Cropped` sends those runs and nothing left of them, where the
library sends a widget's line from its left edge (its own note there says "TODO: crop").
"""

from collections.abc import Iterable
from functools import lru_cache
from itertools import count

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import Console
from rich.control import Control
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate
from textual.strip import Strip

BRIDGE = 12
"""Equal cells between two changes that are sent again: a jump and new colors cost more."""

_Cell = tuple[str, Style | None, int]  # character, style, which cell of the character


def changed(old: Strip, new: Strip) -> list[tuple[int, int]]:
    """Return the runs of cells, as half-open ranges, in which two strips differ."""
    if old.cell_length != new.cell_length:
        return [(0, new.cell_length)]
    was, now, first = _differing(list(old), list(new))
    runs: list[tuple[int, int]] = []
    for x, before, after in zip(count(first), _cells(was), _cells(now), strict=False):
        if before == after:
            continue
        if runs and x - runs[-1][1] < BRIDGE:
            runs[-1] = (runs[-1][0], x + 1)
        else:
            runs.append((x, x + 1))
    return runs


def _differing(old: list[Segment], new: list[Segment]) -> tuple[list[Segment], list[Segment], int]:
    """Return two lines of one width without the pieces that both begin and end with.

    And at which cell they differ then.
    """
    shorter, first = min(len(old), len(new)), 0
    while first < shorter and old[first] == new[first]:
        first += 1
    last = 0
    while last < shorter - first and old[-1 - last] == new[-1 - last]:
        last += 1
    x = sum(segment.cell_length for segment in new[:first])
    return old[first : len(old) - last], new[first : len(new) - last], x


def _cells(segments: Iterable[Segment]) -> list[_Cell]:
    cells: list[_Cell] = []
    for text, style, _ in segments:
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


@lru_cache(maxsize=1024)
def _codes(style: Style, system: ColorSystem) -> str:
    """Return what the library would set for a style, without its framing."""
    return style.render("\0", color_system=system).partition("\0")[0][2:-1]
