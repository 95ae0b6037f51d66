"""What a change of an order has come to: by the fields that the broker shows, or by what it filled.

The wanted order stays with the trace after a refusal, too: a gateway that is slow shows the old
fields to a look-up and takes the change afterwards.
"""

from collections.abc import Sequence

from engine.brokers.ibkr import said
from engine.brokers.ibkr.trace import Out, Trace
from engine.domain import report as rp
from engine.domain.order import Order


def by_fields(trace: Trace, one: said.OpenOrder) -> Sequence[Out]:
    """Compare what is shown with what a change wanted; the old fields alone settle nothing."""
    wanted = trace.wanted
    if wanted is None:
        return ()
    if _is_shown(wanted, one):
        return _taken(trace, wanted)
    if not trace.is_changing or not trace.is_settling:
        return ()
    text, trace.refusal = trace.refusal, ""
    trace.is_changing = trace.is_settling = False
    return (rp.ChangeRefused(order_id=wanted.order_id, text=text),)


def by_size(trace: Trace) -> Sequence[Out]:
    """An order that is Filled tells by how many whether it was changed; no change comes now."""
    wanted = trace.wanted
    if wanted is None or trace.status != "Filled":
        return ()
    if wanted.quantity in trace.finals.values() and trace.executed >= wanted.quantity:
        trace.is_done = True
        return _taken(trace, wanted)
    if trace.final is None or trace.executed < trace.final:
        return ()
    trace.wanted, trace.is_changing, trace.is_settling = None, False, False
    trace.is_done = trace.is_done or trace.is_whole
    return (rp.ChangeRefused(order_id=wanted.order_id, text="it had filled before"),)


def _taken(trace: Trace, wanted: Order) -> Sequence[Out]:
    trace.order, trace.wanted, trace.is_changing = wanted, None, False
    trace.refusal = ""
    return (rp.Changed(order_id=wanted.order_id, order=wanted),)


def _is_shown(wanted: Order, one: said.OpenOrder) -> bool:
    """Say whether the broker shows an order as a change wanted it; unset prices are not shown."""
    limit = wanted.limit_price is None or one.limit_price == wanted.limit_price
    return limit and one.quantity == wanted.quantity and one.tif == wanted.time_in_force.value
