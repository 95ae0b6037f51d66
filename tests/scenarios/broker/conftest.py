"""Every story has a home of its own: nobody's settings and locks but the story's."""

from pathlib import Path

import pytest

from tests.tui.commands import home


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let state and settings be looked for in the story's folder."""
    for name, value in home(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
