"""Where each pane is: a pure function of the terminal's size and what the person chose.

Building blocks are 80 and 40 columns, so base columns hold in every layout; between two
layouts the smaller one grows. No size is refused.
"""

from typing import NamedTuple

MID_COLUMNS = 120
MEDIUM_ROWS = 40
RIGHT_COLUMNS = 40

LEFT = ("positions", "orders", "fills")
RIGHT = ("card", "equity", "alerts", "reconciliation")
WIDE_COLUMNS = 200
TALL_ROWS = 60
MIDDLE = ("signals", "alerts", "log")
FAR_RIGHT = ("card", "equity", "reconciliation", "chart")


class Box(NamedTuple):
    """A rectangle inside the panes' area, in terminal cells."""

    x: int
    y: int
    width: int
    height: int


def shows_several(columns: int, rows: int) -> bool:
    """Say whether a terminal of this size shows several panes at once."""
    return columns >= MID_COLUMNS and rows >= MEDIUM_ROWS


def shows_three(columns: int, rows: int) -> bool:
    """Say whether a terminal of this size shows three columns of panes."""
    return columns >= WIDE_COLUMNS and rows >= TALL_ROWS


def boxes(
    columns: int, rows: int, area_rows: int, focused: str, *, zoomed: bool = False
) -> dict[str, Box]:
    """Return the box of every shown pane in a terminal of `columns` × `rows`.

    area_rows: what status, strip, message and footer leave. A pane that the arrangement
    does not hold takes the place of the positions, or the whole area where it stands alone.
    """
    area = Box(0, 0, columns, max(0, area_rows))
    if zoomed or not shows_several(columns, rows):
        return {focused: area}
    if shows_three(columns, rows):
        return _three(columns, area.height, focused)
    left_width = columns - RIGHT_COLUMNS
    left, right = list(LEFT), list(RIGHT)
    if focused not in LEFT + RIGHT:
        return {
            focused: Box(0, 0, left_width, area.height),
            **_stack(right, left_width, RIGHT_COLUMNS, area.height, RIGHT_SHARES),
        }
    return {
        **_stack(left, 0, left_width, area.height, (1, 1, 1)),
        **_stack(right, left_width, RIGHT_COLUMNS, area.height, RIGHT_SHARES),
    }


RIGHT_SHARES = (13, 9, 7, 7)
FAR_RIGHT_SHARES = (14, 15, 9, 19)


def _three(columns: int, height: int, focused: str) -> dict[str, Box]:
    """Left and middle share what the right leaves; a pane that has no place takes the left."""
    middle_width = (columns - RIGHT_COLUMNS) // 2
    left_width = columns - RIGHT_COLUMNS - middle_width
    others = {
        **_stack(list(MIDDLE), left_width, middle_width, height, (1, 1, 1)),
        **_stack(list(FAR_RIGHT), columns - RIGHT_COLUMNS, RIGHT_COLUMNS, height, FAR_RIGHT_SHARES),
    }
    if focused not in LEFT + MIDDLE + FAR_RIGHT:
        return {focused: Box(0, 0, left_width, height), **others}
    return {**_stack(list(LEFT), 0, left_width, height, (1, 1, 1)), **others}


def _stack(
    names: list[str], x: int, width: int, height: int, shares: tuple[int, ...]
) -> dict[str, Box]:
    """Pile panes on each other; heights follow their shares and fill the area."""
    stacked: dict[str, Box] = {}
    top, total, before = 0, sum(shares), 0
    for name, share in zip(names, shares, strict=True):
        before += share
        bottom = height * before // total
        stacked[name] = Box(x, top, width, bottom - top)
        top = bottom
    return stacked
