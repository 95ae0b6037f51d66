"""An engine that says how many tasks it has: the command line, with an ear for SIGUSR2."""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path

from tui.cli import run

TASKS = "PILOTHOUSE_SOAK_TASKS"


def _tell(number: int, frame: object) -> None:
    """Write the names of the tasks that are not done."""
    del number, frame
    # of every loop; `_all_tasks` up to Python 3.11
    known = getattr(asyncio.tasks, "_scheduled_tasks", None) or vars(asyncio.tasks)["_all_tasks"]
    tasks = [task for task in list(known) if not task.done()]
    names = Counter(task.get_name().rstrip("0123456789-") for task in tasks)
    draft = Path(os.environ[TASKS] + ".new")
    draft.write_text(json.dumps(names), encoding="utf-8")
    draft.replace(os.environ[TASKS])


if __name__ == "__main__":
    signal.signal(signal.SIGUSR2, _tell)
    sys.exit(run(sys.argv[1:]))
