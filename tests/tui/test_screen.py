"""The screen under the keyboard: every pane is reached, nothing happens by accident."""

import asyncio
from pathlib import Path

import pytest

from tests.tui import seed
from tests.tui.screens import (
    Asked,
    FakeEngine,
    app_of,
    append,
    application,
    handled,
    press,
    ready,
    seeded,
    settled,
    text_of,
    until,
)
from tui import steering
from tui.actions import ACTIONS, PANES
from tui.dialogs import confirm
from tui.messages import Changed
from tui.shell import Left, ScreenOptions

SMALL, LARGE = (80, 24), (120, 40)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The story, written once for all tests that only read it."""
    return seeded(tmp_path_factory.mktemp("screen") / "story.db")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers may come at once or late: keys of a test are not type-ahead."""
    monkeypatch.setattr(confirm, "OPENED_S", -60.0)
    monkeypatch.setattr(confirm, "KEY_AGE_S", 60.0)
    monkeypatch.setattr(steering, "KEY_AGE_S", 60.0)
    monkeypatch.setattr(steering, "ESC_S", 0.0)


# -- looking -------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_every_pane_is_reached_by_its_key(database: Path, size: tuple[int, int]) -> None:
    app = application(database)
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        for key, name, _, title in PANES:
            await press(pilot, key)
            await settled(pilot)
            pane = app.dashboard.panes[name]
            assert pane.display
            assert pane.has_focus
            assert title in pane.text


async def test_the_panes_show_what_was_written(database: Path) -> None:
    app = application(database)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        for key, words in (
            ("1", ["Kill Zone", "TQQQ", "stale_data", "Equity 11,443.00", "SYNTHETIC"]),
            ("2", ["Strength T", "+0.312 > +0.05 bull", "≈ no trade", "111111111", "held C3"]),
            ("3", ["TQQQ", "54", "110.30", "115.40", "next_open"]),
            ("4", ["PARTIALLY_FILLED", "2/6", "2 working", "9S0001"]),
            ("5", ["110.25", "+2.7", "fees 5.42", "next_open"]),
            ("7", ["stale_data", "no quote for 63 s", "WARN"]),
            ("8", ["CLEAN", "3 items"]),
            ("0", ["BUY 2 QQQ @ 602.10", "reconciliation CLEAN"]),
        ):
            await press(pilot, key)
            await settled(pilot)
            for word in words:
                assert word in text_of(pilot), f"pane {key} lacks {word}"


async def test_tab_goes_round_all_panes(database: Path) -> None:
    app = application(database)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        seen = []
        for _ in PANES:
            seen.append(app.dashboard.current)
            await press(pilot, "tab")
        assert seen == [name for _, name, _, _ in PANES]
        await press(pilot, "shift+tab")
        assert app.dashboard.current == "log"


async def test_news_on_the_way_out_is_nobodys(database: Path) -> None:
    app = application(database)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)

        async def tell() -> None:
            while app.post_message(Changed(app.view)):  # noqa: ASYNC110 - until it is closed
                await asyncio.sleep(0)

        telling = asyncio.create_task(tell())
    await telling


async def test_help_lists_every_key(database: Path) -> None:
    app = application(database)
    async with app.run_test(size=(80, 100)) as pilot:
        await ready(pilot)
        await press(pilot, "3", "question_mark")
        await handled(pilot)
        own = app.dashboard.panes["help"].text
        assert own.index("close…") < own.index("Everywhere")
        assert "cash of fills since the last close" in own
        assert "cancel…" not in own
        await press(pilot, "question_mark")
        await handled(pilot)
        shown = app.dashboard.panes["help"].text
        for action in ACTIONS:
            if action.context != "replay":
                assert action.label in shown
                assert action.shown_keys in shown
        await press(pilot, "escape")
        assert app.dashboard.current == "positions"


async def test_detail_opens_and_escape_goes_back_one_step_at_a_time(database: Path) -> None:
    app = application(database)
    async with app.run_test(size=LARGE) as pilot:
        await ready(pilot)
        await press(pilot, "4", "z", "enter")
        await settled(pilot)
        assert "ord_01JD5B8Z3K4M5N6P7Q8R9S0003" in app.dashboard.panes["orders"].text
        assert app.dashboard.shown == ["orders"]
        await press(pilot, "escape")
        assert app.dashboard.panes["orders"].detail_of is None
        assert app.dashboard.zoomed
        await press(pilot, "escape")
        assert not app.dashboard.zoomed


async def test_the_cursor_survives_zoom_and_resize(database: Path) -> None:
    app = application(database)
    async with app.run_test(size=LARGE) as pilot:
        await ready(pilot)
        await press(pilot, "4", "j")
        chosen = app.dashboard.panes["orders"].cursor
        await press(pilot, "z")
        await pilot.resize_terminal(80, 24)
        await handled(pilot)
        assert app.dashboard.panes["orders"].cursor == chosen
        assert app.dashboard.current == "orders"


async def test_the_welcome_says_that_offline_nothing_is_real(database: Path) -> None:
    app = application(database)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        assert app.hint is not None
        assert app.hint.text.endswith("Q leaves · offline: nothing is real")
        assert len(app.hint.text) <= 74, "beside what else there is to say"


async def test_a_question_that_is_not_seen_whole_is_not_asked(database: Path, quick: None) -> None:
    asked = Asked()
    app = application(database, asked)
    async with app.run_test(size=(59, 16)) as pilot:
        await ready(pilot)
        await press(pilot, "ctrl+o", "1", "4", "j", "C")
        assert app.arming.armed
        assert not app.dashboard.confirm.display
        assert app.hint is not None
        assert "60×16" in app.hint.text
        await press(pilot, "ctrl+k")
        assert asked.kinds == ["HALT"]
        assert "positions left" in " ".join(app.dashboard.confirm.text.split()), "folded, not cut"
        await press(pilot, "escape", "T")
        assert app.dashboard.confirm.question is not None


@pytest.mark.parametrize("size", [(1, 1), (10, 3), (79, 23), (60, 5)])
async def test_no_size_is_refused(database: Path, size: tuple[int, int]) -> None:
    app = application(database)
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        for key in ("2", "3", "question_mark", "escape", "ctrl+k", "escape", "0"):
            await press(pilot, key)
        await handled(pilot)
        assert app.crash is None


async def test_without_a_database_the_screen_waits_and_says_so(tmp_path: Path) -> None:
    app = application(tmp_path / "none.db")
    async with app.run_test(size=SMALL) as pilot:
        for key, name, _, _ in PANES:
            await press(pilot, key)
            await handled(pilot)
            assert "waiting for" in app.dashboard.panes[name].text


# -- the emergency stop --------------------------------------------------------------------

STATES = (
    ["4"],
    ["4", "enter"],
    ["4", "i"],
    ["question_mark"],
    ["3", "z"],
    ["2"],
    ["ctrl+o"],
    ["Q"],
    ["T"],
    ["ctrl+k"],
)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_the_stop_key_writes_one_halt_from_everywhere(
    database: Path, size: tuple[int, int]
) -> None:
    asked = Asked()
    app = application(database, asked, engine=FakeEngine())
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        for keys in STATES:
            await press(pilot, *keys)
            asked.requests.clear()
            await press(pilot, "ctrl+k")
            assert asked.kinds == ["HALT"], keys
            assert asked.requests[0].actor == "me@here:pts/1"
            await until(pilot, lambda: "EMERGENCY STOP" in text_of(pilot), "the panel")
            await press(pilot, "escape", "escape", "escape")


@pytest.mark.usefixtures("quick")
async def test_the_stop_key_works_while_a_word_is_typed(database: Path) -> None:
    asked = Asked()
    app = application(database, asked)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "ctrl+k", "3", *"FLAT", "ctrl+k")
        assert asked.kinds == ["HALT", "HALT"]


@pytest.mark.usefixtures("quick")
async def test_flatten_needs_its_word(database: Path) -> None:
    asked = Asked()
    app = application(database, asked)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "ctrl+k", "3", *"flatten", "enter", "enter")
        assert asked.kinds == ["HALT"]
        await press(pilot, "ctrl+u", *"FLATTEN", "enter")
        assert asked.kinds == ["HALT", "FLATTEN"]
        assert not app.dashboard.confirm.display


# -- questions -----------------------------------------------------------------------------


async def test_an_answer_within_four_hundred_milliseconds_is_dropped(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert confirm.OPENED_S == 0.4
    monkeypatch.setattr(confirm, "OPENED_S", 3600.0)  # a slow machine is slower than that
    asked = Asked()
    app = application(database, asked)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "ctrl+k", "3")
        await until(pilot, lambda: "press it again" in text_of(pilot), "the word about it")
        assert "EMERGENCY STOP" in text_of(pilot)


@pytest.mark.usefixtures("quick")
async def test_cancel_needs_arming_a_question_and_y(database: Path) -> None:
    asked = Asked()
    app = application(database, asked)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "4", "j", "C")
        assert not app.dashboard.confirm.display
        await until(pilot, lambda: "not armed" in text_of(pilot))
        await press(pilot, "ctrl+o", "1")
        assert app.arming.armed
        await press(pilot, "C", *["enter"] * 10)
        await until(pilot, lambda: "CANCEL BUY QQQ" in text_of(pilot), "the question")
        assert asked.kinds == []
        await press(pilot, "y")
        assert asked.kinds == ["CANCEL"]
        assert asked.requests[0].args == {"order_id": "ord_01JD5B8Z3K4M5N6P7Q8R9S0003"}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("key", ["n", "escape", "C", "x", "space"])
async def test_every_other_key_means_no(database: Path, key: str) -> None:
    asked = Asked()
    app = application(database, asked)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "4", "j", "ctrl+o", "1", "C", key)
        assert not app.dashboard.confirm.display
        assert asked.kinds == []
        assert app.dashboard.panes["orders"].has_focus


@pytest.mark.usefixtures("quick")
async def test_leaving_halted_needs_arming_and_a_reason(tmp_path: Path) -> None:
    asked = Asked()
    path = seeded(tmp_path / "halted.db", [*seed.story(), seed.halted()])
    app = application(path, asked)
    async with app.run_test(size=LARGE) as pilot:
        await ready(pilot)
        assert "HALTED: nothing is sent · looking into it" in text_of(pilot)
        await press(pilot, "T", "a")
        assert not app.dashboard.confirm.display
        await press(pilot, "ctrl+o", "2", "T", "a", *"ok", "enter")
        assert asked.kinds == []
        await press(pilot, *" now", "enter")
        assert asked.kinds == ["RESUME"]
        assert asked.requests[0].reason == "ok now"


async def test_a_request_that_cannot_be_written_is_said(database: Path) -> None:
    asked = Asked()
    asked.broken = True
    app = application(database, asked)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "8", "r")
        await until(pilot, lambda: "NOT ASKED: the request file is locked" in text_of(pilot))


async def test_view_keys_ask_at_once(database: Path) -> None:
    asked = Asked()
    app = application(database, asked)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "7", "a", "8", "r", "p")
        await until(pilot, lambda: len(asked.kinds) == 3)
        assert asked.kinds == ["ACKNOWLEDGE", "RECONCILE", "PAUSE"]
        assert asked.requests[0].args == {"alert_id": "alr_000000000001"}


async def test_a_read_only_screen_keeps_only_the_stop_key(database: Path) -> None:
    asked = Asked()
    app = application(database, asked, options=ScreenOptions(read_only=True))
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "p", "T", "ctrl+o", "7", "a", "8", "r", "4", "C", "less_than_sign")
        await handled(pilot)
        assert asked.kinds == []
        assert not app.dashboard.confirm.display
        assert "READ-ONLY" in text_of(pilot)
        await press(pilot, "ctrl+k")
        assert asked.kinds == ["HALT"]


@pytest.mark.parametrize("theme", ["dark", "light", "high-contrast", "classic", "ansi"])
async def test_every_theme_has_every_color(database: Path, theme: str) -> None:
    app = application(database, options=ScreenOptions(theme=f"pilothouse-{theme}"))
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        assert "Kill Zone" in text_of(pilot)


async def test_a_request_nobody_takes_is_said_and_then_its_answer(tmp_path: Path) -> None:
    path = seeded(tmp_path / "a.db")
    app = application(path)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "p")
        await until(pilot, lambda: "PAUSE asked 1s ago, not taken" in text_of(pilot), "the wait")
        assert app.requests.last is not None
        append(path, seed.answered(app.requests.last.request_id))
        await until(pilot, lambda: "PAUSE DONE: halted" in text_of(pilot), "the answer")


# -- leaving -------------------------------------------------------------------------------


async def test_without_an_engine_q_leaves_at_once(database: Path) -> None:
    app = application(database)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "Q")
        await handled(pilot)
        assert app.left is Left.DONE


@pytest.mark.usefixtures("quick")
async def test_with_an_engine_leaving_asks_and_stop_waits_for_its_end(database: Path) -> None:
    asked, engine = Asked(), FakeEngine()
    app = application(database, asked, engine=engine)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await until(pilot, lambda: app.engine is not None)
        await press(pilot, "Q")
        await until(pilot, lambda: "LEAVE?" in text_of(pilot), "the question")
        await press(pilot, "escape")
        assert app.left is Left.STAYS
        await press(pilot, "ctrl+q", "s")
        assert asked.kinds == ["STOP"]
        assert app.left is Left.STAYS
        engine.alive = False
        await until(pilot, lambda: app.left is Left.DONE)


@pytest.mark.usefixtures("quick")
async def test_the_engine_can_be_left_running(database: Path) -> None:
    asked, engine = Asked(), FakeEngine()
    app = application(database, asked, engine=engine)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "Q", "d")
        await handled(pilot)
        assert app.left is Left.RUNNING
        assert asked.kinds == []


@pytest.mark.usefixtures("quick")
async def test_a_read_only_screen_can_end_its_own_session(database: Path) -> None:
    asked, engine = Asked(), FakeEngine()
    app = application(database, asked, engine=engine, options=ScreenOptions(read_only=True))
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await until(pilot, lambda: app.engine is not None)
        await press(pilot, "Q", "s")
        assert asked.kinds == ["STOP"]


@pytest.mark.usefixtures("quick")
async def test_stop_keys_reach_the_engine_when_the_request_file_does_not(database: Path) -> None:
    asked, engine = Asked(), FakeEngine()
    asked.broken = True
    app = application(database, asked, engine=engine)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await until(pilot, lambda: app.engine is not None)
        await press(pilot, "ctrl+k")
        assert engine.halted == ["stop key"]
        await press(pilot, "escape", "Q", "s")
        assert [request.kind.value for request in engine.handed] == ["STOP"]


async def test_ctrl_c_says_how_to_leave(database: Path) -> None:
    app = application(database)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "ctrl+c")
        assert "Q leaves · ctrl+k stops trading" in text_of(pilot)
        assert app_of(pilot).left is Left.STAYS


async def test_an_engine_that_died_is_named_and_the_screen_stays(database: Path) -> None:
    engine = FakeEngine()
    app = application(database, engine=engine)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await until(pilot, lambda: app.engine is not None)
        engine.alive, engine.error = False, RuntimeError("boom [red]")
        await until(pilot, lambda: "ENGINE DIED RuntimeError: boom [red]" in text_of(pilot))
