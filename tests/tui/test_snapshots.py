"""What the screen looks like: every pane with rows and empty, small and large, without color.

A changed picture is a changed product: `pytest --snapshot-update` after looking at it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from engine.domain.session import SessionState
from tests.storage.samples import context, created, moved, unit
from tests.tui import seed
from tests.tui.screens import app_of, application, handled, press, ready, seeded, settled
from tui.actions import MORE_PANES, PANES
from tui.shell import ScreenOptions
from tui.widgets.lines import Lines

SMALL, LARGE, HUGE = (80, 24), (120, 40), (200, 60)

Compare = Callable[..., bool]


@pytest.fixture(autouse=True)
def _no_color_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "TEXTUAL_THEME", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The story."""
    return seeded(tmp_path_factory.mktemp("full") / "story.db")


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session in which nothing has happened."""
    begun = created(context(seed.SESSION, started_at=seed.ago(600), recorded_clock=False))
    running = unit(moved(SessionState.CREATED, SessionState.STARTING), at=seed.ago(590))
    return seeded(tmp_path_factory.mktemp("empty") / "empty.db", [begun, running])


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The story, then a difference and a halt."""
    units = [*seed.story(), seed.difference(), seed.halted()]
    return seeded(tmp_path_factory.mktemp("trouble") / "trouble.db", units)


def keys(*pressed: str) -> Callable[[Pilot[None]], Any]:
    """Press keys once the first rows are there, and wait for what they show."""

    async def before(pilot: Pilot[None]) -> None:
        await ready(pilot)
        await press(pilot, *pressed)
        await settled(pilot)
        app = app_of(pilot)
        app._hint = None
        app.paint()
        await handled(pilot)

    return before


@pytest.mark.parametrize("pane", [key for key, _, _, _ in (*PANES, *MORE_PANES)])
def test_pane_with_rows_on_a_small_terminal(snap_compare: Compare, full: Path, pane: str) -> None:
    pressed = (pane, "k") if pane == "v" else (pane,)  # the symbol that has a past
    assert snap_compare(application(full), terminal_size=SMALL, run_before=keys(*pressed))


@pytest.mark.parametrize("pane", ["1", "4", "6", "e", "v"])
def test_pane_without_rows_on_a_small_terminal(
    snap_compare: Compare, empty: Path, pane: str
) -> None:
    assert snap_compare(application(empty), terminal_size=SMALL, run_before=keys(pane))


def test_help(snap_compare: Compare, full: Path) -> None:
    assert snap_compare(application(full), terminal_size=LARGE, run_before=keys("question_mark"))


def test_all_panes_on_a_large_terminal(snap_compare: Compare, full: Path) -> None:
    assert snap_compare(application(full), terminal_size=LARGE, run_before=keys("4"))


def test_all_panes_empty_on_a_large_terminal(snap_compare: Compare, empty: Path) -> None:
    assert snap_compare(application(empty), terminal_size=LARGE, run_before=keys())


def test_all_panes_on_a_huge_terminal(snap_compare: Compare, full: Path) -> None:
    assert snap_compare(application(full), terminal_size=HUGE, run_before=keys("4"))


def test_a_zoomed_pane_shows_more_columns(snap_compare: Compare, full: Path) -> None:
    assert snap_compare(application(full), terminal_size=LARGE, run_before=keys("4", "z"))


def test_halted_with_a_difference(snap_compare: Compare, troubled: Path) -> None:
    assert snap_compare(application(troubled), terminal_size=LARGE, run_before=keys("8"))


def test_the_stop_panel_leaves_the_table_alive(snap_compare: Compare, full: Path) -> None:
    assert snap_compare(application(full), terminal_size=SMALL, run_before=keys("4", "ctrl+k"))


def test_without_color(
    snap_compare: Compare, troubled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = application(troubled, options=ScreenOptions(theme="pilothouse-ansi"))
    assert snap_compare(app, terminal_size=SMALL, run_before=keys("4"))


def test_in_ascii(snap_compare: Compare, full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lines, "ascii_only", False)
    app = application(full, options=ScreenOptions(ascii_only=True))
    assert snap_compare(app, terminal_size=SMALL, run_before=keys("2"))


@pytest.mark.parametrize("pane", ["1", "v"])
def test_overview_and_chart_in_ascii(
    snap_compare: Compare, full: Path, monkeypatch: pytest.MonkeyPatch, pane: str
) -> None:
    monkeypatch.setattr(Lines, "ascii_only", False)
    app = application(full, options=ScreenOptions(ascii_only=True))
    pressed = (pane, "k") if pane == "v" else (pane,)
    assert snap_compare(app, terminal_size=SMALL, run_before=keys(*pressed))


def test_overview_without_color(
    snap_compare: Compare, troubled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = application(troubled, options=ScreenOptions(theme="pilothouse-ansi"))
    assert snap_compare(app, terminal_size=SMALL, run_before=keys("1"))


def test_chart_on_a_large_terminal(snap_compare: Compare, full: Path) -> None:
    assert snap_compare(application(full), terminal_size=LARGE, run_before=keys("v", "k"))


@pytest.mark.parametrize("theme", ["light", "high-contrast", "classic", "ansi"])
def test_every_theme(snap_compare: Compare, troubled: Path, theme: str) -> None:
    app = application(troubled, options=ScreenOptions(theme=f"pilothouse-{theme}"))
    assert snap_compare(app, terminal_size=SMALL, run_before=keys("1"))


@pytest.mark.parametrize("pane", [key for key, _, _, _ in (*PANES, *MORE_PANES)])
async def test_without_color_every_cell_says_the_same(
    troubled: Path, pane: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    for without in (False, True):
        if without:
            monkeypatch.setenv("NO_COLOR", "1")
        theme = "pilothouse-ansi" if without else "pilothouse-dark"
        app = application(troubled, options=ScreenOptions(theme=theme))
        async with app.run_test(size=SMALL) as pilot:
            await keys(pane)(pilot)
            seen.append([
                widget.render_line(y).text
                for widget in app.screen.query(Lines)
                if widget.display and widget.id not in ("status",)
                for y in range(widget.size.height)
            ])  # fmt: skip
    assert seen[0] == seen[1]
