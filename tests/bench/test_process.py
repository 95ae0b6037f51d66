"""What an engine costs that only waits."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT
from tests.bench.screen import cpu_s, resident_mb
from tests.kin import with_us
from tests.tui.commands import home, process

pytestmark = pytest.mark.bench

SECONDS = 10.0


@pytest.mark.parametrize("how", ["paused", "waiting for the next instant"])
def test_an_idle_engine_costs_nothing(tmp_path: Path, how: str) -> None:
    engine = subprocess.Popen(
        [sys.executable, "-m", "tui", "run", "--no-ui", "--pace", "realtime"],
        cwd=tmp_path, env={**home(tmp_path), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=with_us(),
    )  # fmt: skip
    try:
        limit = time.monotonic() + 30
        while "RUNNING" not in process(tmp_path, "status").out:
            assert time.monotonic() < limit, "the engine has not started"
        if how == "paused":
            process(tmp_path, "pause", "--reason", "bench")
        time.sleep(2)
        began, before = time.monotonic(), cpu_s(engine.pid)
        time.sleep(SECONDS)
        cpu = (cpu_s(engine.pid) - before) / (time.monotonic() - began)
        resident = resident_mb(engine.pid)
    finally:
        engine.terminate()
        engine.wait(20)
    print(f"\nheadless engine {how}: {cpu:.1%} CPU, {resident:.0f} MB")
    assert cpu < 0.01
    assert resident < 120
