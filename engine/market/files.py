"""Daily bars from a folder of CSV files, one `<SYMBOL>.csv` per instrument.

Columns `date,open,high,low,close,volume` in any order. Prices become Decimal from the text
in the file, never by way of a float. What cannot be right is refused with file, line, value
and what is allowed, all errors of all files at once; what is merely odd becomes a finding.
Nothing is filled, trimmed or dropped without being counted.
"""

import io
import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from itertools import combinations, pairwise
from pathlib import Path
from typing import NamedTuple

from engine.domain.ids import InstrumentId
from engine.domain.instrument import stock_id
from engine.domain.market import Adjustment, Bar, DataFinding, Feed, Series
from engine.domain.money import MICRO
from engine.errors import MarketDataError
from engine.market.history import FUNDS, assemble
from engine.market.quality import MISFIT, REGIME_BANDS, Bands, misfit
from engine.ports import Calendar, MarketHistory

COLUMNS = ("date", "open", "high", "low", "close", "volume")

_ZERO = Decimal(0)
_PRICE_MAX = Decimal(1_000_000_000)
_VOLUME_MAX = Decimal(1_000_000_000_000)
_ERRORS_SHOWN = 20  # of one file; the rest is counted
_DECIMALS = 6
_TOO_FINE = re.compile(rf"\.[^\n]{{{_DECIMALS + 1}}}|[eE]")  # in values, each on a line
_HALF_WRITTEN = Decimal(4)  # a last volume this many times smaller has lost its last digits


class _Text(NamedTuple):
    """A file as text: its six columns without the header, and how it ends."""

    columns: list[list[str]]  # in the order of COLUMNS
    overhang: list[str]  # what stands right of the last column, per line
    plain: bool  # ASCII without underscores: Decimal reads nothing unexpected
    has_end: bool  # the last line ends in a line feed


def load_folder(
    folder: Path,
    calendar: Calendar | None,
    now: datetime,
    *,
    symbols: Sequence[str] | None = None,
    bands: Bands = REGIME_BANDS,
    adjustment: Adjustment = Adjustment.SPLIT,
) -> MarketHistory:
    """Return the history in a folder, or raise MarketDataError with every error there is.

    symbols: those that are needed; None takes every CSV file. calendar: None where bars
    follow no exchange: then any date may be a session. now: nothing after it is believed.
    """
    paths = _paths(folder, symbols)
    errors: list[str] = []
    findings: list[DataFinding] = []
    series: dict[InstrumentId, Series] = {}
    for symbol, path in paths.items():
        reader = _Reader(symbol, path, calendar, now)
        bars = reader.bars()
        findings += reader.findings
        errors += reader.errors
        series[stock_id(symbol)] = Series(
            instrument=stock_id(symbol),
            bars=tuple(bars),
            source=f"CSV {path}",
            feed=Feed.RECORDED,
            adjustment=adjustment,
        )
    if not errors:
        errors += _twins(series, paths)
    if not errors:
        errors += _misfits(series, paths)
    if errors:
        raise MarketDataError("\n".join(errors))
    return assemble(series, f"CSV {folder}", calendar, bands=bands, findings=findings)


def _paths(folder: Path, symbols: Sequence[str] | None) -> dict[str, Path]:
    if not folder.is_dir():
        raise MarketDataError(f"{folder}: no such folder; a folder of <SYMBOL>.csv is needed")
    try:
        there = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix == ".csv"}
    except OSError as error:
        raise MarketDataError(f"{folder}: {error.strerror}; a folder to read is needed") from error
    if not there:
        raise MarketDataError(f"{folder}: holds no CSV file; <SYMBOL>.csv is needed")
    if symbols is None:
        return there
    missing = [symbol for symbol in symbols if symbol not in there]
    if missing:
        raise MarketDataError(
            f"{folder}: {', '.join(f'{symbol}.csv' for symbol in missing)} missing;"
            f" there is {', '.join(path.name for path in there.values())}"
        )
    return {symbol: there[symbol] for symbol in dict.fromkeys(symbols)}


class _Reader:
    """One file: its bars, and everything wrong or odd about it."""

    def __init__(self, symbol: str, path: Path, calendar: Calendar | None, now: datetime) -> None:
        self.errors: list[str] = []
        self.findings: list[DataFinding] = []
        self._symbol = symbol
        self._path = path
        self._calendar = calendar
        self._now = now
        self._dropped = 0

    def bars(self) -> list[Bar]:
        """Return the bars of the file; where there are errors they are not complete."""
        content = self._read()
        if content is None:
            return []
        bars = self._parse(content)
        if not bars and not self.errors:
            self._wrong("no bars: the file is empty below its header")
        if bars and not self.errors:
            self._check_end(content, bars)
            self._check_dates(bars)
        if self._dropped:
            self.errors.append(f"{self._path}: {self._dropped} more errors")
        return bars

    def _wrong(self, message: str, line: int | None = None) -> None:
        if len(self.errors) >= _ERRORS_SHOWN:
            self._dropped += 1
            return
        place = f"{self._path}:{line}" if line is not None else f"{self._path}"
        self.errors.append(f"{place}: {message}")

    def _odd(self, kind: str, text: str, day: date | None = None) -> None:
        self.findings.append(
            DataFinding(kind=kind, symbol=self._symbol, session_date=day, text=text, blocks=False)
        )

    # -- text ------------------------------------------------------------------------------

    def _read(self) -> _Text | None:
        """Return the file's columns as text, or None with the error noted."""
        try:
            text = self._path.read_bytes().decode("utf-8-sig")
        except OSError as error:
            self._wrong(f"cannot be read: {error.strerror}")
            return None
        except UnicodeDecodeError as error:
            self._wrong(f"not UTF-8 text: byte {error.start} is 0x{error.object[error.start]:02x}")
            return None
        if "\0" in text:
            self._wrong("NUL bytes: half-written or not a text file", text.count("\n") + 1)
            return None
        if not text.strip():
            self._wrong(f"empty file; a header {','.join(COLUMNS)} and bars are needed")
            return None
        header = [name.strip().lower() for name in text.split("\n", 1)[0].split(",")]
        missing = [name for name in COLUMNS if name not in header]
        if missing:
            self._wrong(f"column {', '.join(missing)} missing; there is {', '.join(header)}", 1)
            return None
        return self._columns(text, header)

    def _columns(self, text: str, header: list[str]) -> _Text | None:
        import pandas  # the library for tables; late: half a second, and most commands read no file

        width = max(line.count(",") for line in text.splitlines()) + 1
        try:
            table = pandas.read_csv(
                io.StringIO(text),
                header=None,
                names=range(width),  # of the longest line, so that every line keeps its place
                dtype=str,  # the text itself: no float ever
                na_filter=False,
                skip_blank_lines=False,
                skiprows=1,
            )
        except pandas.errors.EmptyDataError:
            self._wrong("no bars: the file is empty below its header")
            return None
        except pandas.errors.ParserError as error:
            self._wrong(f"not a table: {str(error).strip()}")
            return None
        return _Text(
            columns=[table[header.index(name)].tolist() for name in COLUMNS],
            overhang=_joined([table[n].tolist() for n in range(len(header), width)], len(table)),
            plain=text.isascii() and "_" not in text,
            has_end=text.endswith("\n"),
        )

    # -- lines -----------------------------------------------------------------------------

    def _parse(self, content: _Text) -> list[Bar]:
        """Turn lines into bars: one quick look at each, a second look at those that fail."""
        instrument = stock_id(self._symbol)
        bars: list[Bar] = []
        last = date.min
        for line, row in enumerate(zip(*content.columns, content.overhang, strict=True), 2):
            if not any(row):
                continue  # a blank line
            bar = _bar(instrument, row, last)
            if bar is None or not content.plain:
                problems = list(_explain(row, last))
                for problem in problems:
                    self._wrong(problem, line)
                if bar is None or problems:
                    last = max(last, _date(row[0]) or last)
                    continue
            last = bar.session_date
            bars.append(bar)
        if _is_too_fine(content.columns):
            self._odd("rounded", f"{self._path.name}: numbers rounded to {_DECIMALS} decimals")
            bars = [_rounded(bar) for bar in bars]
        return bars

    def _check_end(self, content: _Text, bars: list[Bar]) -> None:
        """A file cut off while it was written lacks its last line feed, and perhaps digits."""
        if content.has_end:
            return
        volume = bars[-1].volume
        if len(bars) > 1 and volume * _HALF_WRITTEN < bars[-2].volume:
            self._wrong(
                f"half-written last line: no line end, and volume {volume} after"
                f" {bars[-2].volume}; complete the file",
                len(content.overhang) + 1,
            )
            return
        self._odd("no_line_end", f"{self._path.name}: the last line has no line end")

    def _check_dates(self, bars: list[Bar]) -> None:
        """Refuse dates that have not been, and those on which the exchange was closed."""
        calendar = self._calendar
        today = date.fromordinal(self._now.toordinal())
        past = [bar.session_date for bar in bars if bar.session_date <= today]
        for bar in bars[len(past) :]:
            self._wrong(f"future date {bar.session_date}; now is {self._now:%Y-%m-%d %H:%M} UTC")
        if calendar is None or not past:
            return
        sessions = set(calendar.sessions(past[0], past[-1]))
        for day in past:
            if day not in sessions:
                kind = "a weekend" if day.weekday() > 4 else "a holiday"
                self._wrong(f"{day} is {kind}: no session of {calendar.name}")
        if past[-1] in sessions and calendar.closes_at(past[-1]) > self._now:
            self._wrong(
                f"future date {past[-1]}: that session closes at"
                f" {calendar.closes_at(past[-1]):%Y-%m-%d %H:%M} UTC, its bar is not final"
            )


def _bar(instrument: InstrumentId, row: Sequence[str], last: date) -> Bar | None:
    """Return the bar of a line, or None if anything at all is wrong with it."""
    try:
        day = date.fromisoformat(row[0])
        open_, high, low, close, volume = map(Decimal, row[1:6])
        good = (
            _ZERO < low <= open_ <= high < _PRICE_MAX
            and low <= close <= high
            and _ZERO <= volume < _VOLUME_MAX
            and day > last
            and day.isoformat() == row[0]
            and not row[6]
        )
    except (ValueError, InvalidOperation):
        return None
    if not good:
        return None
    return Bar(
        instrument=instrument,
        session_date=day,
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=volume,
    )


def _joined(columns: list[list[str]], lines: int) -> list[str]:
    """Return what stands right of the header's columns, per line."""
    if not columns:
        return [""] * lines
    return [",".join(fields).strip(",") for fields in zip(*columns, strict=True)]


def _is_too_fine(columns: list[list[str]]) -> bool:
    """Say whether any number has more decimals than can be stored, or might have."""
    return any(_TOO_FINE.search("\n".join(column)) for column in columns[1:])


def _rounded(bar: Bar) -> Bar:
    return Bar(
        instrument=bar.instrument,
        session_date=bar.session_date,
        open=bar.open.quantize(MICRO),
        high=bar.high.quantize(MICRO),
        low=bar.low.quantize(MICRO),
        close=bar.close.quantize(MICRO),
        volume=bar.volume.quantize(MICRO),
    )


# -- what is wrong with a line -------------------------------------------------------------


def _explain(row: Sequence[str], last: date) -> Iterator[str]:
    """Say everything that is wrong with a line, each with the value and what is allowed."""
    day = _date(row[0])
    if day is None:
        yield f"date {row[0]!r} is not a date; YYYY-MM-DD is needed"
    elif day == last:
        yield f"duplicate date {day}; one line per session"
    elif day < last:
        yield f"unsorted: {day} after {last}; dates must ascend"
    if row[6]:
        yield f"{row[6]!r} stands right of the last column"
    numbers: dict[str, Decimal] = {}
    for name, value in zip(COLUMNS[1:], row[1:6], strict=True):
        number = _number(value)
        if number is None:
            yield f"{name} {value!r} is not a number" if value else f"{name} is empty"
        else:
            numbers[name] = number
    yield from _explain_numbers(numbers)


def _explain_numbers(numbers: dict[str, Decimal]) -> Iterator[str]:
    volume = numbers.pop("volume", _ZERO)
    if not _ZERO <= volume < _VOLUME_MAX:
        yield f"volume {volume} is not in 0..{_VOLUME_MAX:,}"
    for name, price in numbers.items():
        if not _ZERO < price < _PRICE_MAX:
            yield f"{name} {price} must be above 0 and below {_PRICE_MAX:,}"
    if not {"low", "high"} <= numbers.keys():
        return
    low, high = numbers["low"], numbers["high"]
    if low > high:
        yield f"low {low} is above high {high}"
        return
    for name in ("open", "close"):
        if name in numbers and not low <= numbers[name] <= high:
            yield f"{name} {numbers[name]} is not between low {low} and high {high}"


def _date(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.isoformat() == text else None


def _number(text: str) -> Decimal | None:
    if "_" in text or not text.isascii():  # Decimal would read 1_000 and other alphabets' digits
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


# -- the wrong symbol's file ---------------------------------------------------------------


def _twins(series: dict[InstrumentId, Series], paths: dict[str, Path]) -> Iterator[str]:
    """Two files with the same prices: one of them is not what its name says."""
    prices = {
        symbol: [(b.session_date, b.open, b.close) for b in series[stock_id(symbol)].bars]
        for symbol in paths
    }
    for one, other in combinations(paths, 2):
        if prices[one] == prices[other]:
            yield (
                f"{paths[one]} and {paths[other]} hold the same bars:"
                " one of them is not what its name says"
            )


def _misfits(series: dict[InstrumentId, Series], paths: dict[str, Path]) -> Iterator[str]:
    """A fund that does not move as its underlying says: the wrong symbol's file."""
    for symbol, path in paths.items():
        underlying, multiple = FUNDS.get(symbol, (None, 1))
        if underlying is None or underlying not in paths:
            continue
        moves, base = _moves(series[stock_id(symbol)], series[stock_id(underlying)])
        off = misfit(moves, multiple, base)
        if off is not None and off > MISFIT:
            yield (
                f"{path} does not follow {multiple} × {paths[underlying]}: the median difference"
                f" is {off:.0%} of the expected move, limit {MISFIT:.0%}:"
                " one of them is not what its name says"
            )


def _moves(one: Series, other: Series) -> tuple[list[float], list[float]]:
    """Return both series' moves over the sessions they have in common."""
    closes = {bar.session_date: bar.close for bar in other.bars}
    common = [(b.close, closes[b.session_date]) for b in one.bars if b.session_date in closes]
    pairs = list(pairwise(common))
    return (
        [float(after[0] / before[0]) - 1 for before, after in pairs],
        [float(after[1] / before[1]) - 1 for before, after in pairs],
    )
