"""What every test runs under: the same examples every time, and no examples timed."""

import gc
import os
import sys
from pathlib import Path

from hypothesis import settings

# What can be worked out again, an exchange's sessions, is worked out once for all tests.
os.environ["XDG_CACHE_HOME"] = str(Path(__file__).parent.parent / ".pytest_cache" / "cache")

# A program that is started is a user's: what it has compiled once it has not to compile again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False  # nor what pytest makes of the tests

# The machines are shared: a slow example is no failure. The night looks for new ones:
# PILOTHOUSE_EXAMPLES=random.
settings.register_profile("fixed", deadline=None, derandomize=True)
settings.register_profile("random", deadline=None)
settings.load_profile(os.environ.get("PILOTHOUSE_EXAMPLES", "fixed"))


def pytest_collection_finish() -> None:
    """Thousands of tests and every module are there to stay: the collector need not look."""
    gc.collect()
    gc.freeze()
