"""explain: the whole chain behind an id in words, oldest first, each fact with its numbers."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from storage.queries.chain import Chain, Fact
from tui.commands.output import say, shown
from tui.format import fills_at
from tui.sentence import sentence

Payload = Mapping[str, Any]


def print_chain(chain: Chain) -> None:
    """Print a chain for people."""
    session = chain.session
    say(f"{chain.asked} {chain.id}")
    say(
        f"session {session.get('session_id')}, {session.get('mode')}, {session.get('source')}, "
        f"fills at {fills_at(session.get('mode'), session.get('fill_rule'))}, "
        f"config {session.get('config_hash')}"
    )
    for fact in chain.facts:
        say("")
        text = json.dumps(fact.payload)
        event = {"kind": fact.kind, "subject": fact.subject, "payload": text}
        say(f"{fact.seq:>7}  {fact.at}  {fact.kind}: {sentence(event)}")
        for line in _DETAILS.get(fact.kind, _nothing)(fact.payload):
            say(f"         {line}")


def document(chain: Chain) -> dict[str, Any]:
    """Return a chain as JSON has it."""
    return {
        "asked": chain.asked,
        "id": chain.id,
        "session": chain.session,
        "reading": chain.reading,
        "decision": chain.decision,
        "signals": chain.signals,
        "orders": chain.orders,
        "risk_checks": chain.risk_checks,
        "fills": chain.fills,
        "facts": [_fact(fact) for fact in chain.facts],
    }


def _fact(fact: Fact) -> dict[str, Any]:
    return {name: getattr(fact, name) for name in Fact.__dataclass_fields__}


# -- details by kind -----------------------------------------------------------------------


def _nothing(_: Payload) -> Iterator[str]:
    yield from ()


def _reading(payload: Payload) -> Iterator[str]:
    reading = payload["reading"]
    names = (
        "session_date", "close", "level", "slope", "innovation", "t_norm", "sma_fast", "sma_slow",
        "sigma", "z_score", "crush_change", "bond_sma_fast", "bond_sma_slow", "bars",
    )  # fmt: skip
    yield ", ".join(f"{name} {shown(reading[name])}" for name in names)
    yield (
        f"trend {reading['trend_before_crush']} -> {reading['trend']}, volatility "
        f"{reading['vol_before']} -> {reading['vol']} (by {reading['vol_by']}), "
        f"cell {reading['cell']} for {payload['days_in_cell']} sessions"
    )


def _decision(payload: Payload) -> Iterator[str]:
    yield f"parameters {payload['preset']} ({payload['parameter_hash']}), slot {payload['slot']}"
    for series in payload["series"]:
        yield (
            f"bars {series['symbol']}: {series['found']} of {series['expected']} since "
            f"{series['anchor']}, last {series['last']} close {series['last_close']} volume "
            f"{series['last_volume']}, {series['source']}"
        )
    for gate in payload["gates"]:
        yield f"gate {gate['gate']}: {'pass' if gate['passed'] else gate['reason']}, {gate['text']}"
    yield from _columns(
        [
            (str(s["number"]), s["name"], s["value"], s["test"], s["result"], s["distance"])
            for s in payload["steps"]
        ]
    )
    yield (
        f"deviation {shown(payload['deviation'])}, drift {shown(payload['drift'])}, threshold "
        f"{shown(payload['threshold'])}, equity {payload['equity']}, cash {payload['cash']}"
    )
    for symbol, target in payload["targets"].items():
        carried, price = payload["carried"].get(symbol), payload["prices"].get(symbol)
        yield f"target {symbol} {target}, carried out before {shown(carried)}, price {shown(price)}"
    for leg in payload["legs"]:
        yield (
            f"leg {leg['instrument']} pass {leg['pass_no']}: weight {shown(leg['target_weight'])}, "
            f"quantity {shown(leg['quantity'])}, reference {leg['price']}, {leg['signal_id']}"
        )


def _signal(payload: Payload) -> Iterator[str]:
    signal = payload["signal"]
    wants = (
        f"weight {signal['target_weight']}"
        if signal["target_weight"] is not None
        else f"{shown(signal['side'])} {shown(signal['quantity'])}"
    )
    yield (
        f"{signal['signal_id']} of {signal['strategy']}: {signal['kind']} {signal['instrument']} "
        f"{wants} at {shown(signal['price'])}, valid to {signal['expires_at']}, {signal['reason']}"
    )
    if payload.get("reason"):
        yield f"rejected: {payload['reason']}, {payload['text']}"


def _order(payload: Payload) -> Iterator[str]:
    order = payload["order"]
    limit = f" limit {order['limit_price']}" if order["limit_price"] is not None else ""
    stop = f" stop {order['stop_price']}" if order["stop_price"] is not None else ""
    yield (
        f"{order['order_id']} ref {order['order_ref']}: {order['side']} {order['quantity']} "
        f"{order['instrument']} {order['type']}{limit}{stop} {order['time_in_force']}, "
        f"{'exit' if order['is_exit'] else 'entry'}, reference {shown(order['reference_price'])}"
    )
    if order["sizing"]:
        yield f"sizing: {order['sizing']}"
    if payload.get("code"):
        yield f"denied: {payload['code']}, {payload['text']}"


def _checks(payload: Payload) -> Iterator[str]:
    yield from _columns(
        [(c["code"], c["result"], c["value"], f"limit {c['limit']}") for c in payload["checks"]]
    )


def _report(payload: Payload) -> Iterator[str]:
    report = payload["report"]
    facts = (f"{name} {shown(value)}" for name, value in report.items() if name != "type")
    yield f"{report['type']}: {', '.join(facts)}"


def _previewed(payload: Payload) -> Iterator[str]:
    yield payload["text"]


def _moved(payload: Payload) -> Iterator[str]:
    yield (
        f"status {payload['status']}, filled {payload['filled']} for {payload['filled_value']}"
        + (f", code {payload['code']}" if payload["code"] else "")
        + (f", {payload['text']}" if payload["text"] else "")
    )


def _fill(payload: Payload) -> Iterator[str]:
    fill = payload["fill"]
    yield (
        f"{fill['exec_id']}: {fill['side']} {fill['quantity']} {fill['instrument']} at "
        f"{fill['price']}, reference {shown(fill['reference_price'])}, slippage "
        f"{shown(fill['slippage_bps'])} bps, commission {shown(fill['commission'])}"
    )


def _position(payload: Payload) -> Iterator[str]:
    before, after = payload["before"], payload["after"]
    yield (
        f"{payload['instrument']} of {payload['strategy'] or 'no owner'}: quantity "
        f"{before['quantity']} -> {after['quantity']}, cost {before['cost']} -> {after['cost']}, "
        f"realized {payload['realized']} now, {after['realized']} in all"
    )


def _cash(payload: Payload) -> Iterator[str]:
    yield f"{payload['strategy']}: {payload['before']} -> {payload['after']} ({payload['reason']})"


def _columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows with their columns below each other."""
    widths = [max(map(len, column), default=0) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(
            f"{text:<{width}}" for text, width in zip(row, widths, strict=True)
        ).rstrip()


_DETAILS = {
    "RegimeRead": _reading,
    "DecisionMade": _decision,
    "SignalRaised": _signal,
    "SignalRejected": _signal,
    "OrderApproved": _order,
    "OrderDryRun": _order,
    "OrderDenied": _order,
    "RiskChecked": _checks,
    "ReportReceived": _report,
    "OrderPreviewed": _previewed,
    "FillReceived": _fill,
    "FillCorrected": _fill,
    "PositionChanged": _position,
    "CashChanged": _cash,
    **dict.fromkeys(
        (
            "OrderSubmitted", "OrderAccepted", "OrderPartiallyFilled", "OrderFilled",
            "OrderCanceled", "OrderExpired", "OrderRejected", "OrderUnknown", "OrderPendingCancel",
        ),
        _moved,
    ),
}  # fmt: skip
