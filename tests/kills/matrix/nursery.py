"""A process that has imported everything and makes engines of itself by forking.

    python -m tests.kills.matrix.nursery

Each line on stdin is a life: folder, overrides of the settings, and where to die. A child is
forked, writes its stderr into the folder, runs `tui.wiring.run_engine` as the command line does,
and dies where it was told to, by SIGKILL. A line on stdout says how it ended. Only the import
is shared, which would take longer than the life. A child ends with the nursery, and the nursery
with the test that started it.
"""

import asyncio
import json
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ib_insync  # noqa: F401  slow to import; each child needs it

from engine.settings.load import load
from engine.settings.sources import Flag
from tests.kills.matrix.point import TIMINGS, wire
from tests.kin import end_with
from tui import wiring


def live(life: Mapping[str, Any], nursery: int) -> None:
    """Run one engine until it ends or dies. Never returns."""
    end_with(nursery)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = Path(life["folder"])
    code = 1
    try:
        os.setsid()
        os.chdir(folder)
        os.environ.update(life["env"])
        with (folder / "stderr").open("ab", buffering=0) as errors:
            os.dup2(errors.fileno(), 2)
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
        settings = load(flags=[Flag(f"--{key}", key, text) for key, text in life["settings"]])
        wire(life["point"])
        watched = wiring.Watched()
        asyncio.run(wiring.run_engine(settings, watched, timings=TIMINGS))
        code = 7 if watched.left_open else 0
    except BaseException:  # noqa: BLE001  whoever reads the folder wants to know
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def main() -> None:
    """Fork a child for each line until stdin ends; Ctrl-C is the test's matter."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    me = os.getpid()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        life = json.loads(line)
        pid = os.fork()
        if pid == 0:
            live(life, me)
        print(json.dumps({"pid": pid}), flush=True)
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        ended = {"ended": code, "killed": code == -signal.SIGKILL}
        print(json.dumps(ended), flush=True)


if __name__ == "__main__":
    main()
