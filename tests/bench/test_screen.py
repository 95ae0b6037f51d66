"""What the screen costs, from outside through a pseudo-terminal, against its targets."""

from pathlib import Path

import pytest

from tests.bench.screen import at, measure, measure_idle

pytestmark = pytest.mark.bench

SECONDS = 20.0


def test_screen_and_engine_at_rest(tmp_path: Path) -> None:
    cost = measure_idle(tmp_path, SECONDS)
    assert cost.first_s < 0.6
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
