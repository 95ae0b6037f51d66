"""Which commands leave no trace outside: on a recorded clock their cause may wait for company."""

from collections.abc import Sequence

from engine.domain.command import (
    CancelOrder,
    ChangeOrder,
    Command,
    LookAgain,
    LookUpOrder,
    PreviewOrder,
    ReadAccount,
    SetPace,
    SubmitOrder,
)

# a kill only makes the exchange say again what it has said
_STAYS = frozenset({LookAgain, LookUpOrder, PreviewOrder, ReadAccount, SetPace})
# A kill takes the simulated exchange along: an order that was sent and not written was never
# sent, for all that is left says so, and the feed is given again from before it was decided.
# What is on file is a prefix of the run, as after a kill some milliseconds earlier.
_STAYS_WITHIN = _STAYS | {SubmitOrder, CancelOrder, ChangeOrder}


def all_stay(commands: Sequence[Command], *, within: bool) -> bool:
    """Say whether a kill undoes these commands. within: the exchange is in this process.

    `within` is asked for as fast as it goes only: at a pace that somebody may watch an order
    is on file before it is filled, as at a broker.
    """
    stays = _STAYS_WITHIN if within else _STAYS
    return all([type(command) in stays for command in commands])
