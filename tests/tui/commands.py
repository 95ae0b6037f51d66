"""Run the command line: as a real process, or in this one where only its answer matters."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.architecture.sources import ROOT
from tests.patience import PATIENCE_S
from tui.cli import run


class Said(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        assert self.out, self.err
        assert self.out.isascii()
        return json.loads(self.out)


def home(folder: Path) -> dict[str, str]:
    """An environment in which nobody's settings but the test's are found."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PILOTHOUSE_", "XDG_"))
    }
    return {
        **kept,
        "HOME": str(folder),
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(folder / "cache")),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "COLUMNS": "200",
        "TERM": "xterm",
    }


def process(
    folder: Path, *arguments: str, env: Mapping[str, str] | None = None, code: str | None = None
) -> Said:
    """Run the command line as a process of its own, with `folder` as home and as cwd."""
    command = ["-c", code] if code else ["-m", "tui"]
    done = subprocess.run(
        [sys.executable, *command, *arguments],
        cwd=folder,
        env={**home(folder), "PYTHONPATH": str(ROOT), **(env or {})},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)


class Here:
    """The command line in this process, at a folder of its own."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.folder = folder
        self._capsys = capsys
        for name in [name for name in os.environ if name.startswith(("PILOTHOUSE_", "XDG_"))]:
            monkeypatch.delenv(name)
        for name, value in home(folder).items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(folder)

    def __call__(self, *arguments: str) -> Said:
        """Run one command."""
        self._capsys.readouterr()
        return self.said(run(arguments))

    def said(self, code: int = 0) -> Said:
        """What was printed since the last command."""
        out, err = self._capsys.readouterr()
        return Said(code, out, err)
