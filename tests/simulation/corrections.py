"""The broker of the simulation corrects an execution's price, or takes its shares back."""

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from engine.brokers.ibkr import said
from engine.brokers.ibkr.said import Said
from engine.domain.fill import root_of
from engine.domain.ids import ExecId
from engine.domain.money import ZERO

if TYPE_CHECKING:
    from tests.simulation.gateway import GatewayBroker

_CENT = Decimal("0.01")


def correct(broker: "GatewayBroker", exec_id: str) -> None:
    """Correct an execution's price, or bust it where its shares are still there."""
    old, order_id = broker.executed[exec_id], broker._of[exec_id]
    if not old.quantity:
        return  # taken back already
    placed = broker._placed[order_id]
    key, sign = placed.order.instrument, placed.order.side.sign
    held = broker.account().positions.get(key, ZERO)
    is_bust = sign > 0 and held >= old.quantity and broker._rng.random() < 0.3
    newer = ExecId(f"{root_of(exec_id)}.{int(exec_id.rpartition('.')[2]) + 1:02d}")
    new = replace(old, exec_id=newer, price=old.price + _CENT)
    fee = broker._fees.pop(exec_id)
    if is_bust:
        new = replace(new, quantity=ZERO, price=old.price)
        broker.busted.add(key)
        broker._extra[key] = broker._extra.get(key, ZERO) - old.quantity
        broker._extra_cash += fee
    else:
        broker._fees[newer] = fee
    broker._extra_cash += sign * (old.quantity * old.price - new.quantity * new.price)
    del broker.executed[exec_id]
    broker.executed[newer], broker._of[newer] = new, order_id
    heard: list[Said] = [broker._execution(placed, new)]
    if not is_bust:
        heard.append(said.Commission(exec_id=newer, commission=fee))
    broker._say(*heard)
