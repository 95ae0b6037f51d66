"""An engine in its thread: what is said too early, and how its end is told."""

from pathlib import Path

import pytest

from engine.domain.session import SessionState
from engine.settings.load import load
from engine.settings.model import Settings
from engine.settings.sources import Flag
from storage.connect import open_reader
from tui.wiring import EngineThread


def settings(folder: Path) -> Settings:
    """A short run over the built-in market."""
    given = {
        "run.mode": "backtest",
        "run.pace": "max",
        "run.from": "2014-01-02",
        "run.to": "2014-06-30",
        "storage.path": str(folder / "p.db"),
    }
    return load(flags=[Flag(key, key, value) for key, value in given.items()], env={}, here=folder)


def test_a_halt_by_signal_before_the_engine_hears_is_not_lost(tmp_path: Path) -> None:
    engine = EngineThread(settings(tmp_path))
    engine.start()
    engine.halt("SIGUSR1")
    assert engine.wait(60)
    assert engine.error is None
    db = open_reader(tmp_path / "p.db")
    (state, reason), *_ = db.execute("SELECT trading_state, reason FROM books").fetchall()
    (orders,) = db.execute("SELECT count(*) FROM orders WHERE sent_at IS NOT NULL").fetchone()
    db.close()
    assert state == "HALTED"
    assert "SIGUSR1" in reason
    assert not orders


@pytest.mark.parametrize(("left_open", "code"), [((), 0), (("order x is UNKNOWN",), 7)])
def test_what_is_left_open_is_told_by_the_exit_code(
    tmp_path: Path, left_open: tuple[str, ...], code: int
) -> None:
    engine = EngineThread(settings(tmp_path))
    engine.watched.end = SessionState.STOPPED
    engine.watched.left_open = left_open
    assert engine.exit_code == code
