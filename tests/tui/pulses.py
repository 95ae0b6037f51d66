"""What held an engine up while somebody watched, less what the machine kept from it.

The heartbeats say by how much a turn of the engine's loop came late. On a machine that others
use too, part of that is none of ours: threads of the process that could have run and were given
no processor (the kernel counts it), and a disk that is slow for everybody (small durable writes
beside the database are timed). What is left is bound; where nothing else runs, that is all of it.
What a disk does in one moment no sample need meet, so a story is told up to three times: a machine
holds an engine up now and then, a screen that does so does it each time.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import NamedTuple

from storage.connect import open_reader
from storage.latest import heartbeat
from tests.patience import crowding

LARGEST_GAP_MS = 100.0
TIMES = 3
LOOK_S = 0.25
WRITES = 5
"""What the engine waits for on the disk to take a request and answer it."""


class HeldUp(AssertionError):
    """Something held the engine up for too long."""


class Look(NamedTuple):
    """What was known at one moment."""

    beat: str  # instant of the newest heartbeat
    gap_ms: float  # that it tells
    unserved_ms: float  # so long the process's threads waited for a processor, since its start
    write_ms: float  # the durable writes of a request, made by somebody else


class Late(NamedTuple):
    """A heartbeat: what held the engine up at most, and what the machine kept from it meanwhile."""

    gap_ms: float
    machine_ms: float


class Pulse:
    """What the heartbeats of an engine said while somebody watched."""

    def __init__(self) -> None:
        self.looks: list[Look] = []

    @property
    def beats(self) -> int:
        """How many heartbeats came."""
        return len({look.beat for look in self.looks}) - 1

    @property
    def late(self) -> list[Late]:
        """Every heartbeat that came."""
        changes = [
            n for n, look in enumerate(self.looks) if n and look.beat != self.looks[n - 1].beat
        ]
        found, before = [], 0
        for n in changes:
            span = self.looks[max(0, before - 1) : n + 1]  # it began after the beat before
            waited = span[-1].unserved_ms - span[0].unserved_ms
            found.append(Late(self.looks[n].gap_ms, waited + max(look.write_ms for look in span)))
            before = n
        return found

    def assert_small(self) -> None:
        """Nothing but the machine held the engine up for 100 ms."""
        assert self.late, "no heartbeat"
        if max(one.gap_ms - one.machine_ms for one in self.late) >= LARGEST_GAP_MS:
            raise HeldUp(self.late)


def assert_in_time(took_s: float, within_s: float, what: str) -> None:
    """What a person waits for came within a bound; told again where the machine kept it."""
    if took_s >= within_s * crowding():
        raise HeldUp(f"{what} after {took_s:.2f} s, within {within_s:g} s it should be")


def told_up_to_three_times(story: Callable[[Path], None]) -> Callable[[Path], None]:
    """Tell a story again, in a folder of its own, when the engine was held up in it."""

    @wraps(story)
    def told(tmp_path: Path) -> None:
        for n in range(TIMES):
            folder = tmp_path / str(n)
            folder.mkdir()
            try:
                story(folder)
            except HeldUp:
                if n == TIMES - 1:
                    raise
            else:
                break

    return told


@contextmanager
def watched(folder: Path, pid: int) -> Iterator[Pulse]:
    """Collect every heartbeat of the engine in a folder's database meanwhile."""
    pulse, over = Pulse(), threading.Event()
    unserved: dict[str, float] = {}

    def watch() -> None:
        beside = os.open(folder / "beside", os.O_CREAT | os.O_WRONLY)
        with closing(open_reader(folder / "a.db")) as db:
            last = False
            while not last:
                last = over.wait(LOOK_S)
                began = time.monotonic()
                for _ in range(WRITES):
                    os.pwrite(beside, b"x" * 4096, 0)
                    os.fsync(beside)
                write_ms = 1000 * (time.monotonic() - began)
                unserved.update(_unserved_ms(pid))
                beat = heartbeat(db)
                if beat is not None:
                    at, total = beat.wall_at.isoformat(), sum(unserved.values())
                    pulse.looks.append(Look(at, beat.tick_gap_ms, total, write_ms))
        os.close(beside)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield pulse
    finally:
        over.set()
        thread.join()


def assert_nothing_is_doubled(folder: Path) -> None:
    """Each decision has one order, each order no more fills than shares."""
    with closing(open_reader(folder / "a.db")) as db:
        twice = db.execute("SELECT count(*) - count(DISTINCT order_ref) FROM v_orders")
        over = db.execute("SELECT count(*) FROM v_orders WHERE filled > quantity")
        assert twice.fetchone()[0] == over.fetchone()[0] == 0


def _unserved_ms(pid: int) -> dict[str, float]:
    """How long each thread of a process could have run and was given no processor."""
    found: dict[str, float] = {}
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):  # one that ended meanwhile
                found[thread.name] = int((thread / "schedstat").read_text().split()[1]) / 1e6
    return found
