"""Whoever gives a command something wrong reads which, what it was, and what is allowed."""

import subprocess
import sys
from pathlib import Path

import pytest

from engine.runtime.holder import Holder, lock_path, write_holder
from tests.tui.commands import Here

UNTELLABLE = "x" * 300 + ".db"  # longer than a name may be: asking for it is an error


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    """The command line in this process, in a folder with another folder in it."""
    (tmp_path / "folder").mkdir()
    return Here(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ("orders --limit 0", 2, "0 is not a whole number from 1 to 1000000000"),
        ("orders --limit 99999999999999999999", 2, "99999999999999999999 is not a whole number"),
        ("journal --limit many", 2, "many is not a whole number"),
        ("export trades --output x.csv --limit -1", 2, "-1 is not a whole number from 1"),
        ("gateway --port 65536", 2, "65536 is not a whole number from 0 to 65535"),
        ("gateway --server-version 150", 2, "150 is not a whole number from 151 to 178"),
        ("gateway --account D-1", 2, "'D-1': letters and digits"),
        ("orders --since 0001-01-01T00:00:00+23:00", 2, "0001-01-01T00:00:00+23:00"),
        ("cancel ord_x --all --reason both", 2, "not both"),
        ("cancel --reason none", 2, "name orders or give --all"),
        ("status --db folder", 5, "folder cannot be read: Is a directory"),
        ("orders --db folder", 5, "folder cannot be read: Is a directory"),
        (f"orders --db {UNTELLABLE}", 5, "cannot be read: File name too long"),
        (f"status --db {UNTELLABLE}", 5, "cannot be read: File name too long"),
        (f"status --config {UNTELLABLE}", 2, "File name too long"),
        ("config check --config folder", 2, "folder: a folder, a file is needed"),
        ("config check --config none.toml", 2, "none.toml: no such file"),
    ],
)
def test_what_is_wrong_is_named_with_its_value_and_what_is_allowed(
    here: Here, command: str, code: int, words: str
) -> None:
    said = here(*command.split())
    assert said.code == code, said
    assert words in said.err
    assert "unexpected" not in said.err
    assert not said.out


def test_a_config_may_be_any_file_that_can_be_read(here: Here) -> None:
    assert here("status", "--config", "/dev/null").code == 0


def test_a_note_of_a_dead_engine_whose_number_another_process_has_is_no_engine(
    here: Here,
) -> None:
    database = here.folder / "p.db"
    lock_path(database).touch()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        write_holder(database, Holder(stranger.pid, "offline-x", "host", "2026-11-20T14:30:00Z"))
        assert here("status", "--db", "p.db", "--json").json["engine"] == {"running": False}
        assert here("stop", "--db", "p.db", "--json").json["engine"] is None
        halted = here("halt", "--reason", "trying", "--db", "p.db", "--json").json
        assert (halted["result"], halted["engine"]) == ("WAITS", None)
        assert here("pause", "--db", "p.db").code == 2
        assert stranger.poll() is None
        stranger.communicate(b"\n")
    since = here("status", "--db", "p.db").out
    assert f"HALTED since {halted['asked_at']} by" in since
