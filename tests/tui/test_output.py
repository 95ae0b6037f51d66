"""What commands print fits any terminal and any stream, and loses nothing on its way."""

import io
import re
import sys

import pytest

from engine.errors import EngineError
from tui.commands.output import Column, prepare_streams, print_table, say, write

COLUMNS = [
    Column("order_id", "order_id"),
    Column("market_value", "market_value", right=True),
    Column("priced_at", "priced_at"),
    Column("text", "text"),
]
ROWS = [
    {
        "order_id": f"ord_01B4KF0KJ0XHDA1YQQ8W0J9DH{n}",
        "market_value": -1072.57 * n,
        "priced_at": "2016-12-30T22:00:00.000000Z",
        "text": "entries of the other are rejected while one holds it",
    }
    for n in (1, 2)
]


class Terminal(io.StringIO):
    """A stream that a person looks at."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [0, 1, 7, 30, 80, 120, 400])
def test_no_width_of_a_terminal_cuts_an_id_or_a_number(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", str(width))
    print_table(ROWS, COLUMNS, empty="no rows")
    said = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())
    for row, value in zip(ROWS, ("−1,072.57", "−2,145.14"), strict=True):
        for whole in (row["order_id"], value, row["priced_at"]):
            assert str(whole) in said
    words = ["entries", "of", "the", "other", "are", "rejected", "while", "one", "holds", "it"]
    assert all(said.count(word) >= 2 for word in words)
    if width >= 80:
        assert max(map(len, said.splitlines())) <= width


def test_a_stream_that_is_not_utf_8_keeps_the_minus(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    prepare_streams()
    say("cell 1 → 3, return −1.50 %, unknown ·, 日")
    assert written.getvalue() == b"cell 1 -> 3, return -1.50 %, unknown ., ?\n"


def test_streams_that_are_closed_take_what_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    prepare_streams()
    say("nobody listens")
    sys.stdout.close()
    sys.stderr.close()


def test_a_full_disk_behind_stdout_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(EngineError, match="standard output cannot be written: No space left"):
            write("a line\n")
        with pytest.raises(OSError, match="No space left"):
            full.close()
