"""Work beside the loop leaves no thread behind."""

import threading

from tui.wiring import _in_its_thread


async def test_a_job_has_a_thread_of_its_own_that_ends_with_it() -> None:
    threads: list[threading.Thread] = []

    def work() -> str:
        threads.append(threading.current_thread())
        return "done"

    assert await _in_its_thread(work) == "done"
    threads[0].join(5)
    assert not threads[0].is_alive()
