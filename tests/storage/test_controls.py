"""The request file: many ask, one engine takes, each request is given once."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from engine.domain.ids import RequestId
from engine.domain.request import Request, RequestKind
from engine.errors import JournalError
from storage.controls import WATCH_TIMEOUT_MS, Answer, SqliteRequestBox, requests_path
from tests.storage.samples import AT


def request(n: int = 1, kind: RequestKind = RequestKind.HALT, **args: str) -> Request:
    """A request of a person."""
    return Request(
        request_id=RequestId(f"req_{n:02}"), kind=kind, actor="me@here:tty1", reason="− because",
        args=args, asked_at=AT + timedelta(seconds=n),
    )  # fmt: skip


@pytest.fixture
def asker(tmp_path: Path) -> Iterator[SqliteRequestBox]:
    """Somebody with a terminal."""
    with SqliteRequestBox(tmp_path / "p.db") as box:
        yield box


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SqliteRequestBox]:
    """The engine's side."""
    with SqliteRequestBox(tmp_path / "p.db") as box:
        yield box


def test_a_request_waits_for_the_engine_and_comes_back_answered(
    asker: SqliteRequestBox, engine: SqliteRequestBox
) -> None:
    asked = request(1, RequestKind.CANCEL, order_id="ord_1")
    asker.ask(asked)
    assert asker.pending() == [asked]
    assert asker.result("req_01") is None
    assert engine.take() == [asked]
    engine.answer("req_01", "DONE", "1 order canceled")
    assert asker.result("req_01") == Answer("DONE", "1 order canceled")
    assert asker.pending() == []


def test_the_engine_sees_cheaply_that_something_is_new(
    asker: SqliteRequestBox, engine: SqliteRequestBox
) -> None:
    assert engine.changed()
    assert engine.take() == []
    assert not engine.changed()
    asker.ask(request(1))
    assert engine.changed()
    assert [found.request_id for found in engine.take()] == ["req_01"]
    assert not engine.changed()
    assert engine.take() == []


def test_what_was_taken_and_not_answered_is_given_to_the_next_engine(
    asker: SqliteRequestBox, tmp_path: Path
) -> None:
    asker.ask(request(1))
    asker.ask(request(2))
    with SqliteRequestBox(tmp_path / "p.db") as dies:
        assert len(dies.take()) == 2
        dies.answer("req_01", "DONE", "")
    with SqliteRequestBox(tmp_path / "p.db") as next_one:
        assert [found.request_id for found in next_one.take()] == ["req_02"]


def test_asking_or_answering_twice_changes_nothing(asker: SqliteRequestBox) -> None:
    asker.ask(request(1))
    asker.ask(request(1))
    asker.answer("req_01", "DONE", "first")
    asker.answer("req_01", "REFUSED", "second")
    assert asker.result("req_01") == Answer("DONE", "first")


def test_an_unreadable_file_may_hold_something_and_cannot_be_taken(
    asker: SqliteRequestBox, engine: SqliteRequestBox, tmp_path: Path
) -> None:
    asker.ask(request(1))
    assert len(engine.take()) == 1
    requests_path(tmp_path / "p.db").write_bytes(b"not a database at all" * 100)
    assert engine.changed()
    with pytest.raises(JournalError, match="cannot be read"):
        engine.take()
    assert engine.changed()


def test_a_replaced_file_is_noticed(asker: SqliteRequestBox, engine: SqliteRequestBox) -> None:
    assert engine.take() == []
    assert not engine.changed()
    engine.path.unlink()
    asker.close()
    asker.ask(request(1))
    assert engine.changed()
    assert len(engine.take()) == 1


def test_a_locked_file_may_hold_something(tmp_path: Path, engine: SqliteRequestBox) -> None:
    assert engine.take() == []
    with sqlite3.connect(requests_path(tmp_path / "p.db"), isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert engine.changed()
        with pytest.raises(JournalError, match="locked"):
            engine.take()
        with (
            SqliteRequestBox(tmp_path / "p.db", busy_timeout_ms=50) as asker,
            pytest.raises(JournalError, match="locked"),
        ):
            asker.ask(request(1))
        other.execute("ROLLBACK")
    other.close()
    assert engine.take() == []


def test_who_looks_at_a_file_that_is_being_written_waits(asker: SqliteRequestBox) -> None:
    asker.ask(request(1))
    with sqlite3.connect(asker.path, isolation_level=None, check_same_thread=False) as other:
        other.execute("BEGIN EXCLUSIVE")
        commit = threading.Timer(2 * WATCH_TIMEOUT_MS / 1000, lambda: other.execute("COMMIT"))
        commit.start()
        assert asker.pending() == [request(1)]
        commit.join()
    other.close()


def test_twenty_processes_worth_of_writers_lose_nothing(tmp_path: Path) -> None:
    boxes = [SqliteRequestBox(tmp_path / "p.db") for _ in range(20)]
    for n, box in enumerate(boxes):
        box.ask(request(n))
    with SqliteRequestBox(tmp_path / "p.db") as engine:
        assert len(engine.take()) == 20
    for box in boxes:
        box.close()


def test_the_file_stays_small(asker: SqliteRequestBox) -> None:
    for n in range(6):
        asker.ask(request(n))
    for n in range(5):
        asker.answer(f"req_{n:02}", "DONE", "")
    asker.prune(keep=2)
    assert asker.result("req_00") is None
    assert asker.result("req_04") is not None
    assert [found.request_id for found in asker.pending()] == ["req_05"]


@pytest.mark.parametrize("module", ["storage.controls", "storage.queries.status"])
def test_what_halt_and_status_need_is_light(module: str) -> None:
    code = (
        f"import sys, {module}; heavy = {{'pandas', 'textual', 'ib_insync', 'aiosqlite', "
        "'pydantic', 'asyncio', 'numpy'} & set(sys.modules); print(sorted(heavy))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
