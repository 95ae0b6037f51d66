"""What a test starts ends with it, however the test ends."""

import os
import signal
import subprocess
import sys

import pytest

from tests.architecture.sources import ROOT

_FAMILY = """
import os, subprocess, sys, time
from tests.kin import end_with, with_us

def sleep():
    os.write(1, b"%d\\n" % os.getpid())  # whole, whoever else writes
    time.sleep(60)

if len(sys.argv) == 1:
    code = sys.orig_argv[sys.orig_argv.index("-c") + 1]
    child = subprocess.Popen([sys.executable, "-c", code, "child"], preexec_fn=with_us())
    child.wait()
me = os.getpid()
if os.fork() == 0:
    os.setsid()
    end_with(me)
sleep()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_killed_parents_leave_nobody_behind() -> None:
    """A parent that is killed takes its child along, and that one what it has forked."""
    with subprocess.Popen(
        [sys.executable, "-c", _FAMILY], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        lives = [parent.stdout.readline() for _ in range(2)]
        os.kill(parent.pid, signal.SIGKILL)
        assert len({int(pid) for pid in lives} | {parent.pid}) == 3
        assert parent.stdout.read() == ""  # its end: nobody holds the other side any more
