"""The live table: the cursor means a row, whatever happens to the rows around it."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from tui.format import Shown, safe
from tui.panes.alerts import COLUMNS as ALERTS
from tui.panes.fills import COLUMNS as FILLS
from tui.panes.log import COLUMNS as LOG
from tui.panes.orders import COLUMNS as ORDERS
from tui.panes.parameters import COLUMNS as PARAMETERS
from tui.panes.positions import COLUMNS as POSITIONS
from tui.panes.reconciliation import COLUMNS as RECONCILIATION
from tui.panes.regime import COLUMNS as REGIME
from tui.panes.sessions import COLUMNS as SESSIONS
from tui.panes.signals import COLUMNS as SIGNALS
from tui.view import Moment
from tui.widgets.table import Column, Table, anchored, columns_for

ALL = (
    POSITIONS, ORDERS, FILLS, SIGNALS, ALERTS, RECONCILIATION, SESSIONS, LOG, PARAMETERS,
)  # fmt: skip
MOMENT = Moment(datetime(2026, 11, 20, tzinfo=UTC))
KEYS = st.lists(st.sampled_from("abcdefghij"), unique=True)


class Letters(Table):
    """One column, to try the table without a terminal."""

    columns = (Column(Shown("Key"), 4, lambda row, _: safe(row["key"])),)


def filled(keys: list[str]) -> Letters:
    """A table with a row for each key."""
    table = Letters()
    table.show_rows([(key, {"key": key}) for key in keys], MOMENT)
    return table


@given(KEYS, KEYS, st.data())
def test_the_cursor_stays_on_its_row_or_moves_to_a_neighbor(
    before: list[str], after: list[str], data: st.DataObject
) -> None:
    table = filled(before)
    if before:
        table.cursor = data.draw(st.sampled_from(before))
    was = table.cursor
    table.show_rows([(key, {"key": key}) for key in after], MOMENT)
    if not after:
        assert table.cursor is None
    if was is None:
        assert table.cursor is None
    elif was in after:
        assert table.cursor == was
        assert not table.row_left
    elif set(before) & set(after):
        assert table.cursor in set(before) & set(after)
        assert table.row_left


@given(st.lists(KEYS, min_size=1, max_size=6), st.lists(st.integers(-5, 5), max_size=6))
def test_the_row_under_the_cursor_is_always_the_cursors_row(
    updates: list[list[str]], moves: list[int]
) -> None:
    table = filled(updates[0])
    for n, keys in enumerate(updates):
        table.show_rows([(key, {"key": key}) for key in keys], MOMENT)
        if n < len(moves):
            table.move(moves[n])
        assert (table.row is None) == (table.cursor is None)
        if table.row is not None:
            assert table.row["key"] == table.cursor
            assert table.cursor in keys


def test_a_row_that_left_hands_the_cursor_to_the_one_below() -> None:
    assert anchored("b", ["a", "b", "c"], ["a", "c"]) == "c"
    assert anchored("c", ["a", "b", "c"], ["a", "b"]) == "b"
    assert anchored("b", ["a", "b"], []) is None


def test_without_a_cursor_nothing_is_chosen_until_a_person_moves() -> None:
    table = filled(["a", "b"])
    assert table.row is None
    table.move(1)
    table.show_rows([(k, {"key": k}) for k in "xab"], MOMENT)
    assert table.cursor == "a"
    assert table.let_go()
    assert table.row is None


def test_where_the_newest_are_last_the_first_step_takes_the_last_row() -> None:
    class NewestLast(Letters):
        newest_last = True

    table = NewestLast()
    table.show_rows([(k, {"key": k}) for k in "abc"], MOMENT)
    table.move(-1)
    assert table.cursor == "c"
    table.move(-1)
    table.show_rows([(k, {"key": k}) for k in "abcd"], MOMENT)
    assert table.cursor == "b"


def test_every_panes_base_columns_fit_seventy_eight_cells() -> None:
    for columns in (*ALL, REGIME):
        base = [c for c in columns if c.level == 0]
        assert sum(c.width for c in base) + len(base) - 1 <= 78
        assert [c for c, _ in columns_for(columns, 80)] == base
        plus = [c for c in columns if c.level <= 1]
        assert [c for c, _ in columns_for(columns, 120)] == plus
        assert len(columns_for(columns, 200)) == len(columns)


def test_a_growing_column_has_its_own_width_before_another_takes_the_rest() -> None:
    sizes = {str(c.label): size for c, size in columns_for(SIGNALS, 130)}
    assert (sizes["Reason"], sizes["Detail"]) == (17, 34)


@given(st.integers(0, 250))
def test_columns_never_take_more_than_the_pane_has(width: int) -> None:
    for columns in ALL:
        chosen = columns_for(columns, width)
        assert sum(size for _, size in chosen) + max(0, len(chosen) - 1) <= max(0, width - 2)
