"""Filter, sort and marks: rows come and go, what a person chose keeps its meaning."""

import csv
import io
import json
import string
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.tui import sample
from tests.tui.screens import (
    Asked,
    application,
    handled,
    press,
    ready,
    seeded,
    settled,
    text_of,
    until,
)
from tui import export
from tui.format import Shown, money, safe
from tui.panes.fills import COLUMNS as FILLS
from tui.panes.orders import COLUMNS as ORDERS
from tui.panes.positions import COLUMNS as POSITIONS
from tui.view import Moment, Row
from tui.widgets import filtering, table
from tui.widgets.table import Column, Table

MOMENT = Moment(sample.NOW, sample.NOW, sample.NOW.date())
SMALL = (80, 24)


class Numbers(Table):
    """A name and a number."""

    columns = (
        Column(Shown("Key"), 6, lambda row, _: safe(row["key"]), of="key"),
        Column(Shown("PnL"), 9, lambda row, _: money(row["pnl"], signed=True), of="pnl"),
    )


KEYS = st.sampled_from(string.ascii_lowercase[:12])
VALUES = st.one_of(st.none(), st.integers(-10_000, 10_000).map(lambda n: n / 100))


class LiveTable(RuleBasedStateMachine):
    """Rows are inserted, removed, changed, sorted and filtered around a cursor and marks."""

    def __init__(self) -> None:
        super().__init__()
        self.table = Numbers()
        self.rows: dict[str, Row] = {}
        self.meant: str | None = None  # the key a person put the cursor on
        self.marked: set[str] = set()

    def show(self) -> None:
        """Give the rows to the table, and follow what may become of the cursor."""
        self.table.show_rows(self.rows.items(), MOMENT)
        self.follow()

    def follow(self) -> None:
        """Where its row is still shown the cursor must be there; else it moved, and says so."""
        if self.meant is not None and self.meant in self.table.keys:
            assert self.table.cursor == self.meant
        elif self.meant is not None:
            assert self.table.row_left or self.table.cursor is None
            self.meant = self.table.cursor

    @rule(key=KEYS, value=VALUES)
    def put(self, key: str, value: float | None) -> None:
        """A row comes or changes."""
        self.rows[key] = {"key": key, "pnl": value}
        self.show()

    @rule(key=KEYS)
    def drop(self, key: str) -> None:
        """A row leaves."""
        self.rows.pop(key, None)
        self.marked.discard(key)
        self.show()

    @rule(typed=st.sampled_from(["", "a", "!b", "pnl>0", "pnl<10", "key=c", "nobody"]))
    def filter(self, typed: str) -> None:
        """A filter is typed."""
        self.table.filter_by(typed)
        self.follow()

    @rule(n=st.sampled_from([0, 1, None]))
    def sort(self, n: int | None) -> None:
        """A sorting is chosen."""
        self.table.sort_by(None if n is None else Numbers.columns[n])
        self.follow()

    @rule(steps=st.integers(-4, 4).filter(bool))
    def move(self, steps: int) -> None:
        """A person moves the cursor."""
        self.table.move(steps)
        self.meant = self.table.cursor

    @rule()
    def mark(self) -> None:
        """A person marks the row under the cursor."""
        if self.table.cursor is not None:
            self.marked ^= {self.table.cursor}
        self.table.mark()

    @invariant()
    def rows_are_themselves(self) -> None:
        """What is under the cursor is the cursor's row; marks are those that were made."""
        assert (self.table.row is None) == (self.table.cursor is None)
        if self.table.row is not None:
            assert self.table.row["key"] == self.table.cursor
        assert self.table.marks == self.marked & self.rows.keys()
        assert set(self.table.keys) <= self.rows.keys()
        assert all(key == row["key"] for key, row in self.table.chosen())


TestLiveTable = LiveTable.TestCase


# -- filters -------------------------------------------------------------------------------


def kept(typed: str) -> list[str]:
    """The symbols that a filter lets through in the positions."""
    rows = [
        sample.position("QQQ", 62, unrealized_pnl=-40.5, weight=0.4),
        sample.position("TQQQ", 541, unrealized_pnl=2786.15, weight=0.599),
        sample.position("TMF", 10, unrealized_pnl=None, weight=None, strategy_id=None),
    ]
    chosen = filtering.parse(typed, POSITIONS)
    return [str(r["symbol"]) for r in rows if chosen.holds(r, MOMENT, POSITIONS)]


@pytest.mark.parametrize(
    ("typed", "symbols"),
    [
        ("", ["QQQ", "TQQQ", "TMF"]),
        ("qqq", ["QQQ", "TQQQ"]),
        ("!qqq", ["TMF"]),
        ("sym=QQQ", ["QQQ"]),
        ("symbol=qqq", ["QQQ"]),
        ("upnl<0", ["QQQ"]),
        ("upnl>0", ["TQQQ"]),
        ("upnl>2.7k", ["TQQQ"]),
        ("wgt%>50", ["TQQQ"]),
        ("sym=QQQ upnl<0", ["QQQ"]),
        ("sym=QQQ upnl>0", []),
        ("qty=541", ["TQQQ"]),
        ("no_such_field=1", []),
        ("!", ["QQQ", "TQQQ", "TMF"]),
    ],
)
def test_a_filter_means_what_it_says(typed: str, symbols: list[str]) -> None:
    assert kept(typed) == symbols


@given(st.text(max_size=40))
def test_no_filter_can_crash(typed: str) -> None:
    chosen = filtering.parse(typed, ORDERS)
    chosen.holds(sample.order(1), MOMENT, ORDERS)


@given(st.decimals(-(10**12), 10**12, places=2))
def test_a_number_is_read_as_it_is_shown(value: Decimal) -> None:
    assert filtering.number_in(money(value, signed=True)) == value


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), max_size=20), st.booleans())
def test_unknown_values_are_last_in_both_directions(values: list[float | None], down: bool) -> None:
    rows: list[tuple[str, Row]] = [(str(n), {"key": "", "pnl": v}) for n, v in enumerate(values)]
    found = filtering.by_value(rows, Numbers.columns[1], MOMENT, reverse=down)
    ordered = [row["pnl"] for _, row in found]
    known = [v for v in ordered if v is not None]
    assert ordered == [*known, *[None] * (len(values) - len(known))]
    assert known == sorted(known, reverse=down)


def test_every_column_has_a_letter_and_s_restores() -> None:
    for columns in (POSITIONS, ORDERS, FILLS):
        letters = filtering.sort_letters(columns)
        assert set(letters.values()) == set(columns)
        assert "s" not in letters


def test_prices_move_rows_only_every_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(table, "monotonic", lambda: now[0])
    shown = Numbers()
    shown.show_rows([(k, {"key": k, "pnl": v}) for k, v in (("a", 1), ("b", 2))], MOMENT)
    shown.sort_by(Numbers.columns[1])
    flipped = [(k, {"key": k, "pnl": v}) for k, v in (("a", 3), ("b", 2), ("c", 0))]
    shown.show_rows(flipped, MOMENT)
    assert shown.keys == ("a", "b", "c")  # a new row waits at the end
    now[0] += 2.0
    shown.pressed_at = now[0] - 0.5
    shown.show_rows(flipped, MOMENT)
    assert shown.keys == ("a", "b", "c")  # a key was pressed just now
    now[0] += 0.5
    shown.show_rows(flipped, MOMENT)
    assert shown.keys == ("c", "b", "a")


# -- export and copy -----------------------------------------------------------------------


def test_export_has_full_precision_and_no_formula(tmp_path: Path) -> None:
    rows = [sample.order(1, reason="=cmd()", average_price=110.123456, filled=0.1)]
    path = tmp_path / "orders.csv"
    assert export.write(path, [rows], ORDERS, MOMENT) == 1
    found = next(csv.DictReader(io.StringIO(path.read_text())))
    assert found["reason"] == "'=cmd()"
    assert found["filled"] == "0.1"
    assert found["order_id"] == rows[0]["order_id"]
    assert found["created_at"].endswith("Z")
    with pytest.raises(FileExistsError):
        export.write(path, [rows], ORDERS, MOMENT)
    other = tmp_path / "orders.json"
    export.write(other, [rows], ORDERS, MOMENT)
    assert json.loads(other.read_text())[0]["reason"] == "=cmd()"
    with pytest.raises(ValueError, match="csv"):
        export.write(tmp_path / "orders.txt", [rows], ORDERS, MOMENT)


def test_what_is_copied_is_clean_short_and_ends_without_a_newline() -> None:
    rows = [sample.order(n, reason="\x1b]52;c;x\x07" * 9) for n in range(2_000)]
    text = export.copied(rows, ORDERS, MOMENT)
    assert len(text.encode()) <= 16 * 1024
    assert "\x1b" not in text
    assert not text.endswith("\n")


# -- under the keyboard --------------------------------------------------------------------


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The story, written once."""
    return seeded(tmp_path_factory.mktemp("filter") / "story.db")


async def test_rows_follow_while_a_filter_is_typed_and_escape_clears_it(database: Path) -> None:
    app = application(database)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "4")
        await settled(pilot)
        pane = app.dashboard.panes["orders"]
        everything = pane.keys
        await press(pilot, "/", *"sym=tqqq")
        assert len(pane.keys) == 1
        assert app.dashboard.entry.has_focus
        await press(pilot, "enter")
        await handled(pilot)
        assert pane.has_focus
        assert "1 of 3 /sym=tqqq" in pane.text
        await press(pilot, "/", *"x", "escape")
        assert len(pane.keys) == 1  # the filter before is back
        await press(pilot, "escape")
        assert pane.keys == everything
        await press(pilot, "/", *"nobody", "enter")
        assert "0 of 3 match /nobody" in pane.text


async def test_sorting_is_chosen_by_letter_reversed_and_restored(database: Path) -> None:
    app = application(database)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "4")
        await settled(pilot)
        pane = app.dashboard.panes["orders"]
        before = pane.keys
        await press(pilot, "j")
        chosen = pane.cursor
        await press(pilot, "s")
        assert "i:Id" in pane.text
        await press(pilot, "i")
        assert list(pane.keys) == sorted(before)
        await press(pilot, "s", "i")
        assert list(pane.keys) == sorted(before, reverse=True)
        assert "by Id▼" in pane.text
        assert pane.cursor == chosen
        await press(pilot, "s", "s")
        assert pane.keys == before


async def test_marked_rows_are_copied_and_shown_rows_exported(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = application(database)
    copied: list[str] = []
    monkeypatch.setattr(app, "copy_to_clipboard", copied.append)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "4")
        await settled(pilot)
        await press(pilot, "space", "j", "space", "c")
        assert len(copied[0].splitlines()) == 2
        assert "2 rows sent to the terminal" in text_of(pilot)
        path = tmp_path / "out.csv"
        await press(pilot, "x", "ctrl+u", *str(path), "enter")
        await until(pilot, lambda: "rows written" in text_of(pilot), "the export")
        assert len(path.read_text().splitlines()) == 4
        await press(pilot, "x", "ctrl+u", *str(path), "enter")
        await until(pilot, lambda: "NOT EXPORTED" in text_of(pilot), "the refusal")


async def test_the_stop_key_works_while_a_filter_is_typed(database: Path) -> None:
    asked = Asked()
    app = application(database, asked)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "4", "/", "C", "X", "ctrl+k")
        assert asked.kinds == ["HALT"]
        assert not app.dashboard.entry.display
        assert app.dashboard.confirm.has_focus


async def test_times_of_rows_in_three_zones(database: Path) -> None:
    app = application(database)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "5")
        await settled(pilot)
        pane = app.dashboard.panes["fills"]
        assert "15:40:07" in pane.text
        await press(pilot, "t", "t")
        await settled(pilot)
        assert "20:40:07" in pane.text
        assert "times UTC" in pane.text
        assert "15:41:07" in app.dashboard.status.text  # the exchange's, always
        await press(pilot, "t")
        await settled(pilot)
        assert "15:40:07" in pane.text
