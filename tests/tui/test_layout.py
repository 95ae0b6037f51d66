"""Panes tile their area at every size of terminal."""

from hypothesis import given
from hypothesis import strategies as st

from tui.layout import FAR_RIGHT, LEFT, MIDDLE, RIGHT, boxes, shows_several, shows_three

PANES = st.sampled_from([*LEFT, *RIGHT, "overview", "regime", "log", "signals", "sessions"])


@given(st.integers(1, 300), st.integers(1, 100), PANES, st.booleans())
def test_boxes_tile_the_area_without_overlap(
    columns: int,
    rows: int,
    focused: str,
    zoomed: bool,
) -> None:
    area_rows = max(0, rows - 4)
    placed = boxes(columns, rows, area_rows, focused, zoomed=zoomed)
    assert focused in placed
    assert sum(box.width * box.height for box in placed.values()) == columns * area_rows
    for box in placed.values():
        assert box.x >= 0
        assert box.y >= 0
        assert box.x + box.width <= columns
        assert box.y + box.height <= area_rows


def test_eighty_by_twenty_four_shows_one_pane() -> None:
    assert boxes(80, 24, 20, "orders") == {"orders": (0, 0, 80, 20)}


def test_one_hundred_twenty_by_forty_shows_the_columns_of_the_specification() -> None:
    placed = boxes(120, 40, 36, "orders")
    assert set(placed) == {*LEFT, *RIGHT}
    assert [placed[name] for name in LEFT] == [(0, 0, 80, 12), (0, 12, 80, 12), (0, 24, 80, 12)]
    assert all(placed[name].width == 40 for name in RIGHT)
    assert shows_several(120, 40)
    assert not shows_several(119, 40)
    assert not shows_several(120, 39)


def test_two_hundred_by_sixty_shows_three_columns() -> None:
    placed = boxes(200, 60, 57, "orders")
    assert set(placed) == {*LEFT, *MIDDLE, *FAR_RIGHT}
    assert all(placed[name].width == 80 for name in (*LEFT, *MIDDLE))
    assert all(placed[name].width == 40 for name in FAR_RIGHT)
    assert placed["signals"].x == 80
    assert placed["card"].x == 160
    assert boxes(200, 60, 57, "sessions")["sessions"] == (0, 0, 80, 57)
    assert not shows_three(199, 60)
    assert not shows_three(200, 59)
