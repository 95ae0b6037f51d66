"""What the screen costs, from outside through a pseudo-terminal, against its targets."""

from pathlib import Path

import pytest

from tests.architecture.sources import ROOT
from tests.bench.reference import speed_ms
from tests.bench.screen import at, measure, measure_idle, start
from tests.tui.commands import home

pytestmark = pytest.mark.bench

SECONDS = 20.0


def test_the_first_screen_and_what_it_takes_in_use(tmp_path: Path) -> None:
    """Of the product: a session runs on the built-in market, ten inputs a second."""
    run = ["-m", "tui", "run", "--pace", "10/s", "--db", str(tmp_path / "a.db")]
    env = {**home(tmp_path), "PYTHONPATH": str(ROOT)}
    begins = [start(run, env, ("Positions", "help"), 1.0)]  # the first one finds nothing at all
    begins += [start(run, env, ("Positions", "help", "QQQ"), 5.0) for _ in range(3)]
    print()
    for one in begins:
        texts = ", ".join(f"{text} {ms:.0f} ms" for text, ms in one.shown_ms.items())
        print(f"{texts} ({one.cpu_ms:.0f} ms of CPU); then {one.cpu:.1%} CPU, "
              f"{one.resident_mb:.0f} MB; "
              f"a million turns of a loop {speed_ms():.0f} ms")  # fmt: skip
    assert min(max(one.shown_ms["help"], one.shown_ms["Positions"]) for one in begins) < 600
    assert max(one.resident_mb for one in begins) < 150


def test_screen_and_engine_at_rest(tmp_path: Path) -> None:
    cost = measure_idle(tmp_path, SECONDS)
    assert cost.resident_mb < 150
    assert cost.cpu < 0.01
    assert cost.bytes_per_s < 300


@pytest.mark.parametrize(
    ("rate", "cpu", "bytes_per_s", "p95_ms"), [(20, 0.06, 10_000, 50), (200, 0.12, 45_000, 60)]
)
async def test_a_busy_screen(
    tmp_path: Path, rate: int, cpu: float, bytes_per_s: int, p95_ms: float
) -> None:
    cost = await measure(tmp_path, rate, SECONDS, keys=40)
    assert cost.cpu < cpu
    assert cost.bytes_per_s < bytes_per_s
    assert at(cost.keys_ms, 0.95) < p95_ms


async def test_an_open_question_under_load(tmp_path: Path) -> None:
    cost = await measure(tmp_path, 20, 8.0, question=True)
    assert cost.bytes_per_s < 10_000
