"""The thread that reads keys sleeps until there is one, or until the program ends."""

import select

from tui.keyboard import Ending


def test_an_end_wakes_up_who_waits_and_can_be_taken_back() -> None:
    ending = Ending()

    def is_heard() -> bool:
        return bool(select.select([ending.reader], [], [], 0)[0])

    for _ in range(2):
        assert not is_heard()
        ending.set()
        assert is_heard()
        assert ending.is_set()
        ending.clear()
