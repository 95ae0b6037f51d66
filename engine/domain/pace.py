"""Words for the speed of a recorded clock: max, realtime, N/s."""

from engine.errors import SettingsError

STEPS = frozenset({"faster", "slower"})
"""Relative to the pace in force."""


def parse(text: str) -> float | None:
    """Return instants per second, None for `max`, 0 for `realtime`; SettingsError otherwise."""
    if text == "max":
        return None
    if text == "realtime":
        return 0.0
    number = text.removesuffix("/s")
    try:
        rate = float(number)
    except ValueError:
        rate = -1.0
    if number == text or not 0.001 <= rate <= 1_000_000:
        raise SettingsError(f"pace = {text!r}: allowed are max, realtime, N/s with N > 0")
    return rate
