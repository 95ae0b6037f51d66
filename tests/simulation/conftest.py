"""What `make sim` shows while it runs."""

import os

import pytest

from tests.progress import show


def pytest_configure(config: pytest.Config) -> None:
    """Count the seeds, where there are more than one."""
    is_one = bool(os.environ.get("PILOTHOUSE_SIM_SEED"))
    show(config, "seeds", 0 if is_one else int(os.environ.get("PILOTHOUSE_SIM_SEEDS") or 0))
