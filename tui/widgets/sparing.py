"""Renders the cells that were marked, and nothing beside them.

The library asks every widget for all lines between the first and the last marked one, which a
clock at the top makes the whole screen, and lays them over each other. Our widgets of lines lie
side by side, never one over another: their marked cells are what is to be sent.
"""

from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets.lines import Lines


class Sparing(Compositor):
    """Takes marked lines as they are; what is anything else is the library's."""

    def __init__(self) -> None:
        super().__init__()
        self._marked: list[tuple[Lines, Region, Region, Region]] = []
        """A widget, where it is, what is seen of it, what of that is marked."""

    def update_widgets(self, widgets: set[Widget]) -> None:
        """Note what is to be painted."""
        others = set[Widget]()
        for widget in widgets:
            place = self.visible_widgets.get(widget)
            if place is None or not isinstance(widget, Lines):
                others.add(widget)
                continue
            region, clip = place
            seen = region.intersection(clip)
            for each in widget._exchange_repaint_regions():
                if marked := each.translate(region.offset).intersection(seen):
                    self._marked.append((widget, region, seen, marked))
                    self._dirty_regions.add(marked)
        if others:
            super().update_widgets(others)

    def render_partial_update(self) -> ChopsUpdate | None:
        """Return the update, None if there is none."""
        given, self._marked = self._marked, []
        if {marked for *_, marked in given} != self._dirty_regions:
            return super().render_partial_update()
        if not given:
            return None
        spans = list(self._regions_to_spans(self._dirty_regions))
        self._dirty_regions.clear()
        lines: list[dict[int, tuple[int, Strip]]] = [{} for _ in range(self.size.height)]
        for widget, region, seen, marked in given:
            for y in marked.line_range:
                if seen.x not in lines[y]:
                    line = Region(seen.x, y, seen.width, 1).translate(-region.offset)
                    (strip,) = widget.render_lines(line)
                    lines[y][seen.x] = seen.right, strip
        sides = [sorted(line.items()) for line in lines]
        chops = [{x: strip for x, (_, strip) in line} for line in sides]
        return ChopsUpdate(chops, spans, [[end for _, (end, _) in line] for line in sides])
