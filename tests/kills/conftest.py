"""What `make kills` shows while it runs."""

import os

import pytest

from tests.progress import show


def pytest_configure(config: pytest.Config) -> None:
    """Count the kills."""
    show(config, "kills", int(os.environ.get("PILOTHOUSE_KILLS") or 0))
