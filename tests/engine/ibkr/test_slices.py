"""A heap of answers on the data connection: whole messages, in order, with pauses for orders."""

import asyncio
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from engine.brokers.ibkr.slices import SLICE_S, Slices
from engine.brokers.practice.wire.frame import framed, joined

MESSAGE_S = SLICE_S / 4  # one message takes a quarter of a slice


def sliced(read: Callable[[bytes], None]) -> Slices:
    """Slices over messages that take their time."""
    now = [0.0]

    def slow(message: bytes) -> None:
        now[0] += MESSAGE_S
        read(message)

    return Slices(slow, lambda: now[0])


async def test_the_loop_has_its_turn_between_the_messages_of_a_heap() -> None:
    heap = [framed(joined(("10", str(n)))) for n in range(100)]
    read, between = list[bytes](), list[int]()
    slices = sliced(read.append)
    slices.feed(b"".join(heap))
    while len(read) < 100:
        between.append(len(read))
        await asyncio.sleep(0)
    assert read == heap
    assert between == [4 * n for n in range(1, 25)]


async def test_what_waits_when_the_connection_ends_is_forgotten() -> None:
    read = list[bytes]()
    slices = sliced(read.append)
    slices.feed(framed(joined(("10", "1"))) * 100)
    slices.end()
    await asyncio.sleep(0)
    assert len(read) == 4
    slices.feed(framed(joined(("10", "2"))))
    assert len(read) == 5


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=30),
    st.lists(st.integers(1, 60), min_size=1),
)
def test_messages_are_whole_and_in_order_however_they_arrive(
    payloads: list[bytes], cuts: list[int]
) -> None:
    heap = [framed(one) for one in payloads]
    stream, read = b"".join(heap), list[bytes]()

    async def feed() -> None:
        slices, at, turn = sliced(read.append), 0, 0
        while at < len(stream):
            size = cuts[turn % len(cuts)]
            slices.feed(stream[at : at + size])
            at, turn = at + size, turn + 1
            if turn % 3 == 0:
                await asyncio.sleep(0)
        for _ in payloads:
            await asyncio.sleep(0)

    asyncio.run(feed())
    assert read == heap
