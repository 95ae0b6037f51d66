"""Own keys: checked whole, all errors at once; what passes works and is shown."""

from pathlib import Path

import pytest

from engine.errors import SettingsError
from engine.settings.load import load
from tests.tui.screens import Asked, application, press, ready, seeded, settled, text_of
from tui.keymap import checked
from tui.shell import ScreenOptions


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"orders.cancle": "D"}, "no such action"),
        ({"app.zoom": "nokey"}, "no key"),
        ({"app.zoom": "x"}, "would mean"),
        ({"app.zoom": "y"}, "reserved"),
        ({"app.zoom": "5"}, "reserved"),
        ({"app.zoom": "ctrl+k"}, "reserved"),
        ({"orders.cancel": "c"}, "uppercase"),
        ({"orders.cancel": "G"}, "uppercase"),
        ({"app.arm": "f5"}, "uppercase"),
        ({"app.halt": ""}, "needs a key"),
        ({"app.halt": "f9"}, "stop key may be"),
        ({"app.zoom": "f6", "app.help": "f6"}, "would mean"),
    ],
)
def test_each_wrong_map_is_refused_by_name(wanted: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        checked(wanted)


def test_all_errors_come_at_once() -> None:
    with pytest.raises(SettingsError) as error:
        checked({"nonsense": "a", "orders.cancel": "c", "app.zoom": "y"})
    assert len(error.value.findings) >= 3
    assert error.value.exit_code == 2


def test_a_map_without_clashes_passes() -> None:
    assert checked({"orders.cancel": "D", "app.zoom": "f6,ctrl+r", "halt": "f8"}) == {
        "orders.cancel": "D", "app.zoom": "f6,ctrl+r", "app.halt": "f8",
    }  # fmt: skip
    assert checked({}) == {}


def test_the_settings_file_holds_own_keys(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text('[screen.keys]\n"orders.cancel" = "D"\nzoom = "f6"\n')
    settings = load(named=file, env={}, here=tmp_path)
    assert checked(settings.screen.keys) == {"orders.cancel": "D", "app.zoom": "f6"}


async def test_own_keys_work_and_are_shown(tmp_path: Path) -> None:
    asked = Asked()
    options = ScreenOptions(keys=checked({"zoom": "f6", "halt": "f8"}))
    app = application(seeded(tmp_path / "a.db"), asked, options=options)
    async with app.run_test(size=(80, 120)) as pilot:
        await ready(pilot)
        await press(pilot, "z")
        before = app.dashboard.zoomed
        await press(pilot, "f6")
        assert (before, app.dashboard.zoomed) == (False, True)
        await press(pilot, "question_mark")
        await settled(pilot)
        assert "f6" in text_of(pilot)
        await press(pilot, "/", "f8")
        assert asked.kinds == ["HALT"]
    application(tmp_path / "a.db")  # the keys of the next screen are its own
