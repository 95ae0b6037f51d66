"""What every test runs under: the same examples every time, and no examples timed."""

import os

from hypothesis import settings

# The machines are shared: a slow example is no failure. The night looks for new ones:
# PILOTHOUSE_EXAMPLES=random.
settings.register_profile("fixed", deadline=None, derandomize=True)
settings.register_profile("random", deadline=None)
settings.load_profile(os.environ.get("PILOTHOUSE_EXAMPLES", "fixed"))
