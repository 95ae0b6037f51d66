"""Any order and any repetition of what a broker says leads to the same ledger.

`make sequences N=5000` tries so many; every run of the tests some of them. A life is what one
order went through at the broker, in the order in which it happened: acceptance, notes that look
like ends, fills, corrections and busts, commissions, a cancel that was asked, a hold, an end, and
what later questions repeat of it. Codes that end only an order of which nothing was heard (110,
200, 321 …) are left out: with them the first word counts, and a socket keeps its order.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.brokers.ibkr import said
from engine.brokers.ibkr.said import Said
from engine.domain import event as ev
from engine.domain.order import Order, Side
from tests.engine.ibkr.core import AT, Core
from tests.engine.ibkr.test_translate import (
    KEY,
    error,
    executed,
    paid,
    shown,
    status,
    tell,
    telling,
    told_to,
)
from tests.engine.ibkr.wire import D, order

SHUFFLES = 20
SEQUENCES = int(os.environ.get("PILOTHOUSE_SEQUENCES", "1500"))

NOTES = (399, 2109, 10349, 104, 105, 161, 10147, 10148, 2102, 9999)
"""Codes about an order that works on; the last is in no table."""

YES = st.booleans()
PARTS: tuple[tuple[int, ...], ...] = (
    *((), (40,), (40, 30), (40, 60), (100,), (20, 30, 50)),
    (60, 41),  # one too many
)


@st.composite
def lives(draw: st.DrawFn, number: int) -> tuple[Order, bool, list[Said]]:
    """An order, whether its cancel was asked, and what was said of it."""
    side = draw(st.sampled_from([Side.BUY, Side.SELL]))
    mine = order(f"{number:012x}-0", side, 100)
    parts: tuple[int, ...] = draw(st.sampled_from(PARTS))
    life: list[Said] = [shown(mine, number, "PreSubmitted"), status(mine, number, "PreSubmitted")]
    if draw(YES):
        life += [status(mine, number, "Inactive", held="locate"), error(number, 404, "held")]
    life += [shown(mine, number, "Submitted"), status(mine, number, "Submitted")]
    life += [error(number, code) for code in draw(st.lists(st.sampled_from(NOTES), max_size=3))]
    filled = 0
    for part, shares in enumerate(parts):
        filled += shares
        life += _filled(mine, number, part, shares, filled, pays=draw(st.integers(0, 3)) > 0)
    if bool(parts) and draw(YES):
        shares = draw(st.integers(0, parts[0]))
        better = executed(mine, number, 0, shares, "49.9", revision=2)
        life += [better, paid(better, "0.77")]
    asked = draw(YES)
    if asked:
        life.append(status(mine, number, "PendingCancel", filled))
    if filled < 100:
        life += _end(mine, number, filled, draw(st.sampled_from(["alive", "canceled", "rejected"])))
    elif draw(YES):
        life.append(_completed(mine, number, "Filled", filled))
    return mine, asked, life


def _filled(
    mine: Order, number: int, part: int, shares: int, filled: int, *, pays: bool
) -> Iterator[Said]:
    word = "Filled" if filled >= 100 else "Submitted"
    fill = executed(mine, number, part, shares, f"{50 + part}.{part}1")
    yield from (fill, shown(mine, number, word), status(mine, number, word, filled))
    yield replace(fill, request=5, order_id=0, client_id=0)  # as a question has it, later
    if pays:
        yield paid(fill, f"1.0{part}")


def _end(mine: Order, number: int, filled: int, end: str) -> Iterator[Said]:
    if end == "canceled":
        yield status(mine, number, "Cancelled", filled)
        yield error(number, 202, "Order Canceled")
        yield _completed(mine, number, "Cancelled", filled)
    elif end == "rejected":
        yield shown(mine, number, "Inactive")
        yield status(mine, number, "Inactive", filled)
        yield error(number, 201, "Order rejected")


def _completed(mine: Order, number: int, text: str, filled: int) -> said.CompletedOrder:
    return said.CompletedOrder(
        perm_id=1000 + number,
        order_ref=mine.order_ref,
        account="DU0000001",
        contract=KEY,
        status=text,
        filled=D(filled),
    )


Life = tuple[Order, bool, list[Said]]


def through(lived: Sequence[Life], given: Sequence[Said]) -> Core:
    """The core after some things said about orders that were sent."""
    orders = [one[0] for one in lived]
    core, translator = Core(), telling(*orders)
    for number, (mine, asked, _) in enumerate(lived, start=1):
        core.send(mine, number)
        if asked:
            core._evolve(ev.CancelRequested(order_id=mine.order_id, reason="x", actor="test"))
            translator.canceling(mine.order_id)
    told_to(core, tell(translator, *given))
    told_to(core, translator.due(AT + timedelta(hours=1)))
    return core


@settings(max_examples=max(1, SEQUENCES // SHUFFLES), deadline=None)
@given(first=lives(1), second=lives(2), chance=st.integers(0, 2**32 - 1), both=st.booleans())
def test_any_order_and_repetition_of_what_is_said_leads_to_the_same_ledger(
    first: Life, second: Life, chance: int, both: bool
) -> None:
    lived = [first, second] if both else [first]
    life = [one for lived_one in lived for one in lived_one[2]]
    wanted = through(lived, life)
    _check_once(wanted, life)
    random = Random(chance)
    for _ in range(SHUFFLES):
        mixed = life + random.choices(life, k=random.randrange(len(life)))
        random.shuffle(mixed)
        assert through(lived, mixed).summary() == wanted.summary()


def _check_once(core: Core, life: Sequence[Said]) -> None:
    """Each execution is booked once, by its newest revision."""
    newest: dict[str, said.Execution] = {}
    for one in life:
        if isinstance(one, said.Execution):
            root = one.exec_id.rpartition(".")[0]
            if root not in newest or one.exec_id > newest[root].exec_id:
                newest[root] = one
    booked = {key: fill.quantity for key, fill in core.state.fills.items()}
    assert booked == {one.exec_id: one.quantity for one in newest.values()}
