"""A process that lives for weeks keeps nothing that it needs no more."""

import gc
import weakref

from engine.runtime.memory import give_back


class Knot:
    """Holds itself."""

    def __init__(self) -> None:
        self.me = self


def test_what_goes_in_circles_is_given_back_although_nobody_looked_for_it() -> None:
    before = gc.get_threshold()
    gc.disable()
    try:
        left = weakref.ref(Knot())
        assert left() is not None
        give_back()
        assert left() is None
    finally:
        gc.enable()
    assert gc.get_threshold() == before
