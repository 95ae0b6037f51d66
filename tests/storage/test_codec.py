"""Events survive the journal's text, whatever they hold."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain import event as facts
from engine.domain.event import Event
from engine.domain.ids import ExecId, InstrumentId, OrderId, RequestId, StrategyId
from engine.domain.report import Executed, Submitted
from engine.domain.snapshot import Holding, Snapshot
from engine.errors import JournalError
from storage.codec import KINDS, VERSION, decode, encode
from tests.storage.samples import AT, QQQ, REGIME, a_trade, context, order, signal, snapshot

st.register_type_strategy(Decimal, st.decimals(allow_nan=False, allow_infinity=False))
st.register_type_strategy(
    datetime,
    st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
st.register_type_strategy(float, st.floats(allow_nan=False))


def round_trip(event: Event) -> Event:
    """The event as it is read back."""
    return decode(type(event).__name__, VERSION, encode(event))


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_every_event_reads_back_as_it_was(kind: type) -> None:
    @settings(max_examples=15, deadline=None, database=None)
    @given(st.from_type(kind))
    def check(event: Any) -> None:
        assert round_trip(event) == event

    check()


def canonical(payload: str) -> str:
    """The same document by the standard library: sorted keys, no spaces, ASCII."""
    return json.dumps(json.loads(payload), sort_keys=True, separators=(",", ":"))


@pytest.mark.parametrize(
    "event",
    [
        facts.SessionCreated(context=context()),
        facts.SignalRaised(signal=signal(reason='a "quoted" − word\n')),
        facts.RequestAnswered(request_id=RequestId("r"), result="DONE", text="\ud800\0é"),
        facts.SnapshotTaken(rows=(snapshot(cell=3, held_cell=1, baseline=Decimal("1.5")),)),
        *a_trade(),
    ],
)
def test_payloads_are_canonical(event: Event) -> None:
    payload = encode(event)
    assert payload.isascii()
    assert payload == canonical(payload)


def test_decimals_keep_every_digit_and_floats_are_numbers() -> None:
    event = facts.CashChanged(
        strategy=StrategyId("s"), before=Decimal("1.500"), after=Decimal("1E+2"), reason=""
    )
    assert encode(event) == '{"after":"1E+2","before":"1.500","reason":"","strategy":"s"}'
    assert str(round_trip(event).before) == "1.500"  # type: ignore[union-attr]


def test_a_member_of_a_union_says_its_class() -> None:
    submitted = facts.ReportReceived(report=Submitted(order_id=OrderId("o")))
    assert encode(submitted) == '{"report":{"order_id":"o","perm_id":0,"type":"Submitted"}}'
    executed = Executed(
        order_id=OrderId("o"), exec_id=ExecId("x"), quantity=Decimal(1), price=Decimal(2),
        commission=None, at=AT,
    )  # fmt: skip
    assert round_trip(facts.ReportReceived(report=executed)) == facts.ReportReceived(
        report=executed
    )


def test_a_float_that_json_lacks_becomes_a_string() -> None:
    row = snapshot(z_score=float("nan"), t_norm=float("-inf"))
    event = facts.SnapshotTaken(rows=(row,))
    assert '"nan"' in encode(event)
    read = round_trip(event).rows[0]  # type: ignore[union-attr]
    assert read.z_score is not None
    assert read.z_score != read.z_score
    assert read.t_norm == float("-inf")


def test_a_snapshot_row_holds_only_what_is_known() -> None:
    row = snapshot(
        before=Decimal(9_900), holdings=(Holding(QQQ, Decimal(10), Decimal("101.5")),),
        baseline=Decimal(9), fees_to_date=Decimal("0.35"),
    )  # fmt: skip
    assert encode(facts.SnapshotTaken(rows=(row,))) == (
        '{"rows":[["regime","2026-11-20","10000","10000","9900","10000","10000",'
        '[["STK:QQQ:USD","10","101.5"]],{"baseline":"9","fees_to_date":"0.35"}]]}'
    )


def test_the_short_and_the_long_way_of_a_snapshot_row_agree() -> None:
    short = snapshot(before=Decimal(9_900))
    long = short._replace(final=False)
    text = encode(facts.SnapshotTaken(rows=(long,)))
    assert text.replace('"final":false', "") == encode(facts.SnapshotTaken(rows=(short,)))


def test_an_unknown_kind_or_version_is_an_error() -> None:
    with pytest.raises(JournalError, match="unknown kind 'Nonsense'"):
        decode("Nonsense", 1, "{}")
    with pytest.raises(JournalError, match="version 2"):
        decode("CashChanged", 2, "{}")


def test_a_field_that_is_missing_in_an_old_row_takes_its_default() -> None:
    event = facts.OrderApproved(order=order())
    old = json.loads(encode(event))
    del old["order"]["sizing"]
    assert decode("OrderApproved", 1, json.dumps(old)) == event


def test_every_enum_value_needs_no_quoting() -> None:
    class Odd(Enum):
        A = 'say "a"'

    from storage.codec import _expression

    with pytest.raises(TypeError, match="Odd"):
        _expression(Odd, "o.x", {})


_NUMBERS = [Decimal(n) for n in (0, 7, 100)]
_DOLLARS = st.sampled_from([*_NUMBERS, Decimal("9.25")])
_HELD = st.lists(
    st.builds(Holding, st.sampled_from([QQQ, InstrumentId("STK:TLT:USD")]), _DOLLARS, _DOLLARS),
    max_size=2,
)
_ROWS = st.builds(
    Snapshot,
    st.sampled_from([REGIME, StrategyId("crossover")]), st.dates(), _DOLLARS, _DOLLARS,
    st.none() | _DOLLARS, _DOLLARS, _DOLLARS, _HELD.map(tuple),
    held_cell=st.sampled_from([None, None, None, 3]), baseline=st.none() | _DOLLARS,
    fees_to_date=_DOLLARS, final=st.sampled_from([True, True, False]),
)  # fmt: skip


@given(st.lists(_ROWS, min_size=1, max_size=12))
def test_rows_that_share_numbers_read_back_as_they_were(rows: list[Snapshot]) -> None:
    event = facts.SnapshotTaken(rows=tuple(rows))
    assert round_trip(event) == event
    alone = [encode(facts.SnapshotTaken(rows=(row,)))[9:-2] for row in rows]
    assert encode(event) == f'{{"rows":[{",".join(alone)}]}}'
