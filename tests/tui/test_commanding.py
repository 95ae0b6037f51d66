"""`:` and the palette: made from the action table, with the guards of the keys."""

from pathlib import Path

import pytest

from tests.tui.screens import Asked, application, press, ready, seeded, settled, text_of
from tui import steering, verbs
from tui.actions import ACTIONS, Act
from tui.dialogs import confirm
from tui.shell import ScreenOptions

SMALL = (80, 24)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The story, written once."""
    return seeded(tmp_path_factory.mktemp("command") / "story.db")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirm, "OPENED_S", -60.0)
    monkeypatch.setattr(confirm, "KEY_AGE_S", 60.0)
    monkeypatch.setattr(steering, "KEY_AGE_S", 60.0)
    monkeypatch.setattr(steering, "ESC_S", 0.0)


def test_every_action_is_a_verb_in_its_place() -> None:
    for action in ACTIONS:
        if action.id in verbs.NO_VERBS | verbs.MOVES:
            continue
        known = verbs.verbs((action.context,), read_only=False)
        assert action.id.replace("_", "-") in known


def test_prefixes_do_for_looking_alone() -> None:
    known = verbs.verbs(("app", "table", "orders"), read_only=False)
    found = verbs.verb_named("pos", known)
    assert found is not None
    assert found.name == "positions"
    for name, verb in known.items():
        if verb.act is not Act.LOOK:
            assert verbs.verb_named(name[:-1], known) is None or name[:-1] in known or (
                verbs.verb_named(name[:-1], known) is not verb
            )  # fmt: skip


def test_a_read_only_screen_has_no_verb_that_acts_but_halt() -> None:
    known = verbs.verbs(("app", "table", "orders", "alerts", "parameters"), read_only=True)
    acting = {name for name, verb in known.items() if verb.act is not Act.LOOK}
    assert acting <= {"halt", "leave"}


def test_the_history_keeps_no_reasons() -> None:
    known = verbs.verbs(("app",), read_only=False)
    assert verbs.remembered(known["halt"], "halt my secret reason") == "halt"
    assert verbs.remembered(known["explain"], "explain sig_1") == "explain sig_1"


@pytest.mark.parametrize("typed", ["", "halt", "cncl", "zzzz", "orders"])
def test_the_palette_finds_by_letters(typed: str) -> None:
    found = verbs.choices(
        typed, current="orders", contexts=("app",), read_only=False, armed=False
    )  # fmt: skip
    ids = [choice.action.id for choice in found]
    assert ("cancel" in ids) == (typed in ("", "cncl", "orders"))
    assert (not ids) == (typed == "zzzz")
    for choice in found:
        if choice.action.act is Act.MARKET:
            assert choice.why_not


async def test_typed_commands_look_and_go(database: Path) -> None:
    app = application(database)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, ":", *"pos", "enter")
        await settled(pilot)
        assert app.dashboard.current == "positions"
        await press(pilot, ":", *"filter sym=QQQ", "enter")
        assert len(app.dashboard.panes["positions"].keys) == 1
        await press(pilot, ":", *"help cash", "enter")
        await settled(pilot)
        assert "The confirmed cash does not pay for it." in text_of(pilot)
        await press(pilot, "escape")
        assert app.dashboard.current == "positions"
        await press(pilot, ":", *"theme light", "enter")
        assert app.theme == "pilothouse-light"
        await press(pilot, ":", *"nonsense", "enter")
        assert "no such command: nonsense" in text_of(pilot)
        await press(pilot, ":", "up", "up", "up", "enter")
        assert app.theme == "pilothouse-light"


async def test_tab_completes_verbs(database: Path) -> None:
    app = application(database)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, ":", *"expl", "tab")
        assert app.dashboard.entry.entry is not None
        assert app.dashboard.entry.entry.text == "explain"
        await press(pilot, "ctrl+u", *"p", "tab")
        assert "positions" in app.dashboard.entry.text


async def test_a_typed_halt_halts_and_a_typed_cancel_asks(database: Path) -> None:
    asked = Asked()
    app = application(database, asked)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "4")
        await settled(pilot)
        await press(pilot, ":", *"cancel 9S0003", "enter")
        assert "not armed" in text_of(pilot)
        app.arming.arm(5)
        await press(pilot, ":", *"cancel 9S0003", "enter")
        await settled(pilot)
        assert "CANCEL BUY QQQ?" in app.dashboard.confirm.text
        await press(pilot, "y")
        assert asked.kinds == ["CANCEL"]
        await press(pilot, ":", *"halt I am looking", "enter")
        assert asked.kinds[1] == "HALT"
        assert asked.requests[1].reason == "I am looking"


async def test_the_palette_does_what_the_key_does(database: Path) -> None:
    app = application(database)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "ctrl+p", *"zoom", "enter")
        assert app.dashboard.zoomed
        await press(pilot, "ctrl+p", *"refused")
        assert "refused only" in app.dashboard.palette.text
        await press(pilot, "enter")
        await settled(pilot)
        assert app.dashboard.current == "signals"
        await press(pilot, "ctrl+p", "escape")
        assert app.dashboard.panes["signals"].has_focus


@pytest.mark.parametrize("opened", [":", "ctrl+p"])
async def test_the_stop_key_works_while_something_is_typed(database: Path, opened: str) -> None:
    asked = Asked()
    app = application(database, asked)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, opened, "C", "X", "ctrl+k")
        assert asked.kinds == ["HALT"]
        assert app.dashboard.confirm.has_focus
        assert not app.dashboard.palette.display


async def test_a_read_only_palette_offers_no_act(database: Path) -> None:
    app = application(database, options=ScreenOptions(read_only=True))
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "4", "ctrl+p")
        acts = {choice.action.act for choice in app._find("")}
        assert acts <= {Act.LOOK, Act.PROTECT}
