"""Any date of nine years is on the screen within 300 ms."""

from pathlib import Path

import pytest

from tests.bench.jumps import measure
from tests.bench.screen import at

pytestmark = pytest.mark.bench

LIMIT_MS = 300


def test_a_replay_of_nine_years_jumps_to_any_date(tmp_path: Path) -> None:
    assert at(measure(tmp_path, 120).ms, 0.95) < LIMIT_MS
