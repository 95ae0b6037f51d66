"""What-if questions: what an order would do to margin and costs, without an order.

An answer may never come (a warning takes its place), so the wait has an end. Errors about the
question's number end it with their words; notes are kept for the answer.
"""

import asyncio

from engine.brokers.ibkr import said
from engine.brokers.ibkr.codes import CODES, Reaction, advised


class Previews:
    """The what-ifs that wait for their answer, by the order id that each was asked under."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[said.Preview | str]] = {}
        self._notes: dict[int, str] = {}

    def take(self, one: said.Said) -> None:
        """Look whether this is an answer, or ends a question."""
        if isinstance(one, said.Preview):
            self._end(one.order_id, one)
        elif isinstance(one, said.Error) and one.id in self._waiting:
            row = CODES.get(one.code)
            if row is not None and row.reaction is Reaction.NOTE:
                self._notes[one.id] = f"{one.code} {one.text}"
            else:
                self._end(one.id, advised(one.code, f"{one.code} {one.text}"))

    def fail(self, text: str) -> None:
        """No answer will come."""
        for number in list(self._waiting):
            self._end(number, text)

    def ask(self, number: int) -> "asyncio.Future[said.Preview | str]":
        """A question goes out under this number; return what its answer will come in."""
        made: asyncio.Future[said.Preview | str] = asyncio.get_running_loop().create_future()
        self._waiting[number] = made
        return made

    def note(self, number: int) -> str:
        """Return what was remarked about a question, and forget it."""
        self._waiting.pop(number, None)
        return self._notes.pop(number, "")

    def _end(self, number: int, answer: said.Preview | str) -> None:
        future = self._waiting.get(number)
        if future is not None and not future.done():
            future.set_result(answer)
