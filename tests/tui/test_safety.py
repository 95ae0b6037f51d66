"""Text from outside can do nothing, and failures are never shown as emptiness."""

import ast
import sqlite3
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from textual.events import Key

from storage.queries import panes
from storage.queries.pages import Window
from tests.architecture.sources import ROOT, name
from tests.tui import sample, seed
from tests.tui.preview import PREVIEW
from tests.tui.screens import (
    Asked,
    CountingIds,
    StillClock,
    application,
    handled,
    press,
    ready,
    seeded,
    settled,
    text_of,
    until,
)
from tests.tui.test_format import PLANTED
from tui.actions import ACTIONS, MORE_PANES, PANES, Act, allowed
from tui.application import Pilothouse
from tui.dialogs.ticket import order_question
from tui.format import safe
from tui.panes.chart import ChartPane
from tui.shell import ScreenOptions
from tui.source import DatabaseSource
from tui.steering import Arming, KeyGuard, Requests
from tui.view import Reading, Row, View, Wanted
from tui.widgets.lines import INKS, Lines, line

SMALL = (80, 24)

KEPT = {"status", "state", "mode", "side", "severity", "verdict", "recorded_clock", "cell"}
"""Words that code compares; everything else may come from outside."""


def planted(value: Any, key: str = "") -> Any:
    """The same value with the planted string in every text that is neither instant nor word."""
    if isinstance(value, dict):
        return {k: planted(v, k) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return tuple(planted(item, key) for item in value)
    if not isinstance(value, str) or key in KEPT or key.endswith(("_at", "_date", "since", "at")):
        return value
    if key == "targets" or value.replace(".", "").isdigit():
        return value
    return PLANTED + value


def planted_view() -> View:
    """The sample with the planted string everywhere."""
    found = {"kind": "MISMATCHED", "item": "X", "ours": "1", "theirs": "y", "effect": 2.0}
    view = sample.view(differences=(found,))
    readings = {
        topic: Reading(planted(reading.rows), sample.NOW, PLANTED if topic == "fills" else "")
        for topic, reading in view.readings.items()
    }
    symbol = ChartPane.symbol_of(readings["positions"].rows or ())
    day = {"session_date": "2026-11-20", "price": 1.0, "of": PLANTED, "cell": 1}
    mark = {"exec_id": PLANTED, "at": PLANTED, "side": "BUY", "price": 1.0, "quantity": 1.0}
    readings[f"prices:{symbol}"] = Reading((day, day), sample.NOW)
    readings[f"marks:{symbol}"] = Reading((mark,), sample.NOW)
    return View(view.moment, readings)


class OneView:
    """A source that knows one view."""

    def __init__(self, view: View) -> None:
        self.view: View | None = view

    unfinished = False

    def read(self, wanted: Wanted) -> View | None:
        """The view, once."""
        view, self.view = self.view, None
        return view

    def every(self, session_id: str, window: Window) -> Generator[tuple[Row, ...], None, None]:
        """It knows no table."""
        yield ()

    def close(self) -> None:
        """Nothing is open."""


def painted(app: Pilothouse) -> Iterator[tuple[Lines, str, int]]:
    """Every line of every shown widget as it goes to the terminal, with the width it claims."""
    for widget in app.screen.query(Lines):
        if widget.display and widget.size.width:
            for y in range(widget.size.height):
                strip = widget.render_line(y)
                yield widget, strip.text, strip.cell_length


@pytest.mark.parametrize(
    ("size", "ascii_only"), [(SMALL, False), ((120, 40), True), ((50, 12), False)]
)
async def test_planted_text_reaches_the_terminal_as_text_alone(
    size: tuple[int, int], ascii_only: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Lines, "ascii_only", False)
    app = Pilothouse(
        make_source=lambda: OneView(planted_view()),
        requests=Requests(Asked(), StillClock(), None, "x"),  # type: ignore[arg-type]
        clock=StillClock(),
        options=ScreenOptions(ascii_only=ascii_only),
    )
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        for key, _, _, _ in (*PANES, *MORE_PANES):
            for keys in ([key], ["j", "enter"], ["escape"], ["T"], ["escape"]):
                await press(pilot, *keys)
                assert_only_text(app, ascii_only=ascii_only)


def assert_only_text(app: Pilothouse, *, ascii_only: bool = False) -> None:
    """Nothing that a terminal would obey is on the screen, and every line is as wide as it is."""
    for widget, text, width in painted(app):
        assert text.isprintable(), (widget, text)
        assert cell_len(text) == width == widget.size.width, (widget, text)
        assert not ascii_only or text.isascii(), text


async def test_planted_text_in_questions_and_in_what_is_typed_is_text_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = Pilothouse(
        make_source=lambda: OneView(planted_view()),
        requests=Requests(Asked(), StillClock(), CountingIds(), "x"),
        clock=StillClock(),
    )
    opened = []
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        for keys in (["4", "j", "C"], ["4", "W"], ["4", "u", "j", "U"], ["8", "j", "F"],
                     ["3", "j", "X"], ["T"], ["ctrl+o"], ["ctrl+k", "2"]):  # fmt: skip
            app.arming.arm(5)
            app.guard.escaped_at = -10.0
            await press(pilot, *keys)
            await handled(pilot)
            opened.append(app.dashboard.confirm.display)
            assert_only_text(app)
            await press(pilot, "escape")
        assert sum(opened) >= 6
        ours = ("action", "side", "type", "tif")
        preview = {k: v if k in ours else planted(v, k) for k, v in PREVIEW.items()}
        preview |= {"working": [PLANTED, PLANTED], "strategy": PLANTED}
        for more in ({}, {"denied": PLANTED}, {"refused": PLANTED}, {"waits": PLANTED}):
            question = order_question(
                preview | more, lambda *_: None, safe(PLANTED), session=(safe(PLANTED),),
                next_slot=safe(PLANTED), by_word=False,
            )  # fmt: skip
            app.ask(question)
            await handled(pilot)
            assert_only_text(app)
            await press(pilot, "escape")
        for opens in ("/", ":", "ctrl+p"):
            await press(pilot, opens, *[c for c in PLANTED[:150] if c.isprintable()])
            for odd in ("\u0301", "\u05d0", "\u202e", "\x9b", "\U000e0041"):
                event = Key(odd, odd)
                event.set_sender(app)
                assert app._driver is not None
                app._driver.send_message(event)
            await handled(pilot)
            assert_only_text(app)
            await press(pilot, "escape", "escape")
        app.dashboard.show_text(safe(PLANTED), [line(safe(PLANTED))])
        app.run_command(f"goto {PLANTED}")
        app.run_command(f"filter {PLANTED}")
        app.run_command(PLANTED)
        await handled(pilot)
        assert_only_text(app)


async def test_a_failed_read_keeps_the_old_rows_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = seeded(tmp_path / "a.db")
    source = DatabaseSource(path, None, lambda: seed.NOW)
    first = source.read(frozenset({"orders"}))
    assert first is not None

    def broken(*_: object) -> list[dict[str, Any]]:
        raise sqlite3.OperationalError("disk I/O error [/x]")

    monkeypatch.setitem(panes.PANES, "orders", broken)
    source._old.add("orders")
    second = source.read(frozenset({"orders", "fills"}))
    source.close()
    assert second is not None
    assert second["orders"].rows == first["orders"].rows
    assert "disk I/O error [/x]" in second["orders"].failed


async def test_a_pane_whose_read_failed_is_never_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> list[dict[str, Any]]:
        raise sqlite3.OperationalError("disk I/O error [/x]")

    monkeypatch.setitem(panes.PANES, "orders", broken)
    app = application(seeded(tmp_path / "a.db"))
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: "READ FAILED" in text_of(pilot), "the overview")
        assert "none working" not in text_of(pilot)
        await press(pilot, "4")
        await until(pilot, lambda: "Orders READ FAILED" in text_of(pilot), "the failure")
        assert "disk I/O error [/x]" in text_of(pilot)
        assert "not known" in text_of(pilot)
        assert "no orders" not in text_of(pilot)
        assert "4~Ord" in text_of(pilot)


async def test_a_reading_thread_that_dies_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.shell.RETRY_S", (0.05,))
    path = seeded(tmp_path / "a.db")
    made: list[int] = []

    class Flaky(DatabaseSource):
        def read(self, wanted: Wanted) -> View | None:
            if len(made) < 2:
                raise RuntimeError("reader died [/x]")
            return super().read(wanted)

    app = application(path)

    def make() -> DatabaseSource:
        made.append(1)
        return Flaky(path, None, lambda: seed.NOW)

    app._make_source = make
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: "READ FAILED" in text_of(pilot), "the failure")
        await settled(pilot)
        assert app.view["session"].first() is not None
        assert app.crash is None


# -- arming and type-ahead -----------------------------------------------------------------


def test_old_keys_and_keys_right_after_escape_are_refused() -> None:
    guard = KeyGuard(pressed_at=time.monotonic() + 60)  # however slow this machine is
    assert not guard.refuses()
    guard.pressed_at = time.monotonic() - 0.501
    assert "too long ago" in guard.refuses()
    guard.pressed_at = guard.escaped_at = time.monotonic() + 60
    assert "too soon after esc" in guard.refuses()


def test_keys_typed_at_a_terminal_that_takes_nothing_are_refused() -> None:
    now = time.monotonic()
    guard = KeyGuard(pressed_at=now)
    guard.tick(waiting=True)
    assert not guard.refuses(), "output waits for a moment now and then"
    guard.unseen_since = now - 2
    guard.tick(waiting=True)
    assert "stood still" in guard.refuses()
    guard.tick(waiting=False)
    assert not guard.refuses()
    arming = Arming()
    arming.arm(5)
    assert not arming.tick(unseen_s=9.0)
    assert arming.tick(unseen_s=11.0)
    assert not arming.armed


def test_a_screen_that_stood_still_disarms_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("tui.steering.monotonic", lambda: clock[0])
    arming = Arming()
    arming.arm(5)
    assert arming.shown == "ARMED 05:00"
    for seconds in (1.0, 9.9):
        assert not arming.tick()
        clock[0] += seconds
    assert not arming.tick()
    clock[0] += 10.1
    assert arming.tick()
    assert not arming.armed
    arming.arm(5)
    clock[0] += 300
    assert arming.shown == "safe"


async def test_halting_disarms_and_arming_again_is_allowed(tmp_path: Path) -> None:
    path = seeded(tmp_path / "a.db", [*seed.story(), seed.halted()])
    app = application(path)
    app.arming.arm(5)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        assert not app.arming.armed
        app.arming.arm(5)
        app.on_changed(type("M", (), {"view": app.view})())
        assert app.arming.armed


# -- the code itself -----------------------------------------------------------------------


def test_no_danger_key_hides_among_movement_keys() -> None:
    for action in ACTIONS:
        if action.act in (Act.MARKET, Act.ENGINE):
            for key in action.keys:
                assert key.startswith("ctrl+") or (key.isupper() and key not in "GHJKLN"), key
        assert action.keys
        assert action.label


def test_no_key_means_two_things_in_one_place() -> None:
    for context in {action.context for action in ACTIONS}:
        keys = [
            key
            for action in ACTIONS
            if action.context in (context, "app", "table")
            # a replay only looks: what keys change elsewhere they move its clock
            if action.context == context or allowed(action, read_only=context == "replay")
            for key in action.keys
            # forward in time: through decisions, or a paused clock where there is none after
            if (context, action.id) != ("regime", "step")
        ]
        assert len(keys) == len(set(keys)), context


def test_templates_are_literals() -> None:
    for path in (ROOT / "tui").rglob("*.py"):
        tree = ast.parse(path.read_text())
        imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
        names = {(node.module, alias.name) for node in imports for alias in node.names}
        if ("tui.format", "say") not in names:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "say":
                first = node.args[0]
                known = isinstance(first, ast.Constant) or (
                    name(path) == "tui/sentence.py" and getattr(first, "id", "") == "words"
                )
                assert known, f"{name(path)}:{node.lineno}"


def test_the_style_sheet_names_meanings_and_no_color() -> None:
    sheet = (ROOT / "tui" / "theme.tcss").read_text()
    assert "#0" not in sheet.replace("#area", "").replace("#status", "")
    for word in ("rgb", "ansi_", "red", "blue", "green", "yellow"):
        assert f" {word}" not in sheet
    for ink in INKS:
        assert f".ink--{ink} " in sheet


def test_a_database_without_tables_is_one_that_is_not_there_yet(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    sqlite3.connect(path).execute("PRAGMA journal_mode=WAL").close()
    source = DatabaseSource(path, None, lambda: seed.NOW)
    assert source.read(frozenset({"orders"})) is None
    seeded(path)
    assert source.read(frozenset({"orders"})) is not None
    source.close()
