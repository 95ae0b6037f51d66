"""A process that trades without end, to be killed or starved: python -m tests.storage.trader DB.

It prints `ready`, then the last acknowledged seq after every commit, each on a line of its own.
With a second argument its files may not grow beyond that many bytes.
"""

import asyncio
import resource
import sys
from pathlib import Path

from engine.domain.event import SnapshotTaken
from engine.errors import JournalError
from engine.ports import Unit
from storage.store import SqliteSessionStore
from tests.storage.samples import a_trade, context, created, open_journal, snapshots, unit


def units(first: int) -> Unit:
    """The n-th unit: trades, with runs of snapshots between them."""
    if first % 4 == 0:
        return unit(SnapshotTaken(rows=(snapshots(1)[0],)), cursor=first)
    return unit(*a_trade(first), cursor=first, durable=first % 5 == 0)


async def trade(path: Path) -> None:
    """Write for ever."""
    async with await open_journal(path) as journal:
        if SqliteSessionStore(path).last_context("offline:") is None:
            journal.put(created())
        else:
            journal.resume(context())
        await journal.commit()
        done = journal.cursor(context().book)
        print("ready", flush=True)
        while True:
            for _ in range(3):
                done += 1
                journal.put(units(done))
            last = journal.next_seq - 1
            await journal.commit()
            print(last, flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        limit = int(sys.argv[2])
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        asyncio.run(trade(Path(sys.argv[1])))
    except JournalError as error:
        print(f"JournalError {error}", flush=True)
        sys.exit(5)
