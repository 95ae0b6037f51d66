"""Signals written down beforehand in a CSV: for rehearsals and tests.

    time,instrument,kind,side,quantity,weight,strength,type,limit,stop
    2026-11-20,QQQ,ENTER,BUY,10,,0.85,,,
    2026-11-23T15:45:00Z,STK:QQQ:USD,EXIT,,,,,,,

`time` is a session date or a UTC instant. A row is raised at its session's slot; a date
without a session belongs to the next one. Numbers are taken as they are written, NaN, 0 and
-5 included: refusing them is the business of the path being rehearsed, not of the parser.
Columns may come in any order; `time`, `instrument` and `kind` must be there. `leg` numbers
the rows of one session; two rows with the same leg, instrument and kind are one signal.
"""

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from itertools import groupby
from typing import NamedTuple, TypeVar

from engine.domain.ids import InstrumentId, StrategyId, short_hash
from engine.domain.instrument import stock_id
from engine.domain.market import Bar
from engine.domain.order import OrderType, Side
from engine.domain.session import Slot
from engine.domain.signal import SignalKind
from engine.domain.stretch import Stretch
from engine.domain.times import parse_utc
from engine.errors import SettingsError
from engine.strategy.base import SlotFacts, StrategyVerdict, Wish
from engine.strategy.parameter import SLOT_KEY, SLOT_PARAMETER, Kind, Parameter, Resolved, Schema

SCRIPT = Schema(
    strategy="script",
    parameters=(
        Parameter(
            key="file",
            kind=Kind.TEXT,
            default=None,
            effect="the CSV file of signals",
        ),
        SLOT_PARAMETER,
    ),
)

REQUIRED = ("time", "instrument", "kind")
OPTIONAL = ("side", "quantity", "weight", "strength", "type", "limit", "stop", "leg")
_SIDES = {side.value: side for side in Side}
_KINDS = {kind.value: kind for kind in SignalKind}
_TYPES = {kind.value: kind for kind in OrderType}
_EXITS = frozenset({SignalKind.EXIT, SignalKind.EMERGENCY_EXIT})
_TARGETS = frozenset({SignalKind.TARGET})

_Word = TypeVar("_Word", SignalKind, Side, OrderType)


class Row(NamedTuple):
    """One line of the file."""

    line: int
    session_date: date  # as written, or of the instant written
    at: datetime | None  # None: a session date was given
    instrument: InstrumentId
    kind: SignalKind
    side: Side | None
    quantity: Decimal | None
    weight: Decimal | None
    strength: Decimal | None
    order_type: OrderType
    limit: Decimal | None
    stop: Decimal | None
    leg: int | None


def parse(text: str, name: str = "script") -> tuple[Row, ...]:
    """Return the rows of a CSV text, in order of time.

    name: the file, for messages. Raises SettingsError with every finding at once: line,
    column, value and what is allowed.
    """
    lines = csv.reader(text.lstrip("\N{BYTE ORDER MARK}").splitlines())
    header = [cell.strip() for cell in next(lines, [])]
    findings = _header_findings(header, name)
    if findings:
        raise SettingsError(findings)
    rows = []
    for number, cells in enumerate(lines, start=2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            findings.append(
                f"{name}:{number}: {len(cells)} values; the header has {len(header)} columns"
            )
            continue
        reader = _Cells(dict(zip(header, (c.strip() for c in cells), strict=True)), name, number)
        row = reader.row()
        findings += reader.findings
        if row is not None:
            rows.append(row)
    if findings:
        raise SettingsError(findings)
    return tuple(sorted(rows, key=lambda row: (row.session_date, row.line)))


def _header_findings(header: list[str], name: str) -> list[str]:
    allowed = ", ".join((*REQUIRED, *OPTIONAL))
    findings = [
        f'{name}:1: column "{column}" is missing' for column in REQUIRED if column not in header
    ]
    for column in dict.fromkeys(header):
        if column not in (*REQUIRED, *OPTIONAL):
            findings.append(f'{name}:1: unknown column "{column}"; allowed are {allowed}')
        elif header.count(column) > 1:
            findings.append(f'{name}:1: column "{column}" is there {header.count(column)} times')
    return findings


class _Cells:
    """The cells of one line and what is wrong with them."""

    def __init__(self, cells: Mapping[str, str], name: str, line: int) -> None:
        self.findings: list[str] = []
        self._cells = cells
        self._name = name
        self._line = line

    def row(self) -> Row | None:
        """Return the line as a row; None if something in it cannot be read."""
        at, day = self._time()
        kind = self._word("kind", _KINDS)
        instrument = self._text("instrument")
        if not instrument:
            self._wrong("instrument", "a symbol like QQQ or an id like STK:QQQ:USD")
        order_type = self._word("type", _TYPES) if self._text("type") else OrderType.MARKET
        side = self._word("side", _SIDES) if self._text("side") else None
        numbers = {c: self._number(c) for c in ("quantity", "weight", "strength", "limit", "stop")}
        leg = self._leg()
        if self.findings or day is None or kind is None or order_type is None:
            return None
        return Row(
            line=self._line,
            session_date=day,
            at=at,
            instrument=InstrumentId(instrument) if ":" in instrument else stock_id(instrument),
            kind=kind,
            side=side,
            quantity=numbers["quantity"],
            weight=numbers["weight"],
            strength=numbers["strength"],
            order_type=order_type,
            limit=numbers["limit"],
            stop=numbers["stop"],
            leg=leg,
        )

    def _text(self, column: str) -> str:
        return self._cells.get(column, "")

    def _wrong(self, column: str, allowed: str) -> None:
        self.findings.append(
            f'{self._name}:{self._line}: {column} = "{self._text(column)}": allowed is {allowed}'
        )

    def _time(self) -> tuple[datetime | None, date | None]:
        given = self._text("time")
        try:
            if "T" in given:
                return parse_utc(given), date.fromisoformat(given[:10])
            return None, date.fromisoformat(given)
        except ValueError:
            self._wrong(
                "time", "a session date like 2026-11-20 or an instant like 2026-11-20T14:30:00Z"
            )
            return None, None

    def _word(self, column: str, words: Mapping[str, _Word]) -> _Word | None:
        word = words.get(self._text(column))
        if word is None:
            self._wrong(column, "one of " + ", ".join(words))
        return word

    def _number(self, column: str) -> Decimal | None:
        given = self._text(column)
        if not given:
            return None
        try:
            return Decimal(given)
        except InvalidOperation:
            self._wrong(column, "a number, or nothing")
            return None

    def _leg(self) -> int | None:
        given = self._text("leg")
        if given and not (given.isascii() and given.isdigit()):
            self._wrong("leg", "0, 1, 2 …, or nothing")
            return None
        return int(given) if given else None


@dataclass(slots=True)
class ScriptMemory:
    """The last two session dates with final bars, of whatever instrument."""

    last: date | None = None
    before: date | None = None
    sessions: int = 0


class ScriptStrategy:
    """A script under one set of parameters (engine.strategy.base.Strategy)."""

    id = StrategyId("script")
    warmup_bars = 0
    inputs: tuple[InstrumentId, ...] = ()

    def __init__(
        self,
        resolved: Resolved,
        text: str,
        session_for: Callable[[datetime], date] | None = None,
    ) -> None:
        """Read the text of the file.

        session_for: from an instant to the session date whose slot comes next; without it an
        instant belongs to its UTC date.
        """
        self.preset = resolved.preset_label
        self.parameters: Mapping[str, str] = resolved.texts
        # two scripts under one file name are two scripts: their text is part of the hash
        self.parameter_hash = short_hash(f"{resolved.parameter_hash}\n{text}", 16)
        self.slot = Slot(resolved.texts[SLOT_KEY])
        self.limits: Mapping[str, str] = {}
        rows = list(parse(text, resolved.texts["file"]))
        if session_for is not None:
            rows = [
                row if row.at is None else row._replace(session_date=session_for(row.at))
                for row in rows
            ]
            rows.sort(key=lambda row: (row.session_date, row.line))
        self._rows = {
            day: tuple(same) for day, same in groupby(rows, key=lambda row: row.session_date)
        }
        self.legs = tuple(dict.fromkeys(row.instrument for row in rows))

    def memory(self) -> ScriptMemory:
        """Return the memory before the first session."""
        return ScriptMemory()

    def advance(
        self,
        memory: ScriptMemory,
        session_date: date,
        ordinal: int,
        bars: Mapping[InstrumentId, Bar],
    ) -> None:
        """Note that a session is over."""
        if memory.last is None or session_date > memory.last:
            memory.before, memory.last = memory.last, session_date
            memory.sessions += 1

    def pass_quiet(
        self, memory: ScriptMemory, stretch: Stretch, owned: Callable[[InstrumentId], Decimal]
    ) -> int:
        """Its limits latch, which every snapshot is looked at for."""
        return 0

    def reading(self, memory: ScriptMemory) -> None:
        """There is no regime here."""

    def days_in_cell(self, memory: ScriptMemory) -> int:
        """There are no cells here."""
        return 0

    def warming(self, memory: ScriptMemory) -> tuple[int, int]:
        """Nothing has to warm up."""
        return memory.sessions, 0

    def decide(self, memory: ScriptMemory, facts: SlotFacts) -> StrategyVerdict | None:
        """Raise the rows of this session, and of days without one since the last."""
        today = facts.session_date
        past = memory.last if memory.last is None or memory.last < today else memory.before
        due = [
            row
            for day, rows in self._rows.items()
            if day <= today and (past is None or day > past)
            for row in rows
        ]
        if not due:
            return None
        wishes = tuple(
            _wish(row, n, facts, fresh=past is not None or row.session_date == today)
            for n, row in enumerate(due)
        )
        kinds = {wish.kind for wish in wishes}
        result = "exit" if kinds <= _EXITS else "rebalance" if kinds == _TARGETS else "enter"
        lines = ", ".join(str(row.line) for row in due)
        return StrategyVerdict(
            result=result,
            text=f"{self.parameters['file']}, line{'s' if len(due) > 1 else ''} {lines}",
            wishes=wishes,
        )


def _wish(row: Row, number: int, facts: SlotFacts, *, fresh: bool) -> Wish:
    """Turn a row into a wish.

    fresh: False for rows from before the first session; they keep their date as the moment
    they were formed, so that they can be refused as too old.
    """
    formed = row.at
    if formed is None and not fresh:
        day = row.session_date
        formed = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return Wish(
        leg=number if row.leg is None else row.leg,
        instrument=row.instrument,
        kind=row.kind,
        pass_no=1 if _lowers(row, facts) else 2,
        target_weight=row.weight,
        side=row.side,
        quantity=row.quantity,
        strength=row.strength,
        reason=f"line {row.line}",
        order_type=row.order_type,
        limit_price=row.limit,
        stop_price=row.stop,
        formed_at=formed,
    )


def _lowers(row: Row, facts: SlotFacts) -> bool:
    """Say whether a row lowers what is owned: an exit, a sale, or a smaller target."""
    if row.kind in _EXITS or row.side is Side.SELL:
        return True
    if row.kind is not SignalKind.TARGET or row.weight is None or not row.weight.is_finite():
        return False
    price, equity = facts.price(row.instrument), facts.equity
    if row.weight == 0 or price is None or equity is None:
        return row.weight == 0
    return row.weight * equity < facts.owned(row.instrument) * price
