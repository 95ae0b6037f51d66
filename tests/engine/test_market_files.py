"""A folder of CSV files: exact numbers in, every fault refused or flagged by name."""

import os
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from engine.domain.input import BarsClosed, QuotesSeen
from engine.domain.instrument import stock_id
from engine.domain.market import Adjustment, DataFinding, Feed
from engine.errors import MarketDataError
from engine.market.files import load_folder
from engine.market.history import coverage
from engine.market.quality import NO_BANDS
from engine.market.replay import RecordedFeed
from engine.market.synthetic import synthetic_market
from engine.ports import MarketHistory
from tests.engine.bars import HEADER, NOW, export, row, shared_market, steady, write, xnys

FIRST, LAST = date(2026, 1, 2), date(2026, 10, 30)
QQQ = stock_id("QQQ")

Edit = Callable[[list[str]], list[str]]


def load(folder: Path, *symbols: str) -> MarketHistory:
    """Load a folder as of NOW on New York's calendar."""
    return load_folder(folder, xnys(), NOW, symbols=symbols or None)


def refusal(folder: Path, *symbols: str) -> str:
    """The text with which a folder is refused."""
    with pytest.raises(MarketDataError) as caught:
        load(folder, *symbols)
    return str(caught.value)


def line_of(lines: list[str], day: str) -> int:
    """The line number of a date in a file with a header."""
    return next(n for n, line in enumerate(lines, 2) if line.startswith(day))


def of_kind(history: MarketHistory, kind: str) -> list[DataFinding]:
    """The findings of one kind."""
    return [finding for finding in history.findings if finding.kind == kind]


def bars_given(history: MarketHistory, day: date) -> BarsClosed:
    """What the feed gives at the close of a session date."""
    feed = RecordedFeed(history, xnys(), day, day)
    return next(given for given in feed if isinstance(given, BarsClosed))


def quotes_given(history: MarketHistory, day: date) -> QuotesSeen:
    """What the feed gives at the open of a session date."""
    feed = RecordedFeed(history, xnys(), day, day)
    return next(given for given in feed if isinstance(given, QuotesSeen))


# -- what is right ---------------------------------------------------------------------------


def test_prices_are_exactly_the_text_of_the_file(tmp_path: Path) -> None:
    lines = ["2026-01-02,0.100000,0.300000,0.1,0.203540,12345678901.5", row("2026-01-05", 0.2)]
    lines[1] = "2026-01-05,0.2,0.3,0.1,0.2,100"
    write(tmp_path, "TQQQ", lines)
    history = load(tmp_path)
    bar = history.series[stock_id("TQQQ")].bars[0]
    assert (bar.open, bar.close) == (Decimal("0.1"), Decimal("0.20354"))
    assert bar.volume == Decimal("12345678901.5")
    assert history.findings == ()


def test_series_says_where_it_is_from_and_how_it_is_adjusted(tmp_path: Path) -> None:
    path = write(tmp_path, "TQQQ", steady(FIRST, LAST))
    write(tmp_path, "AAA", steady(FIRST, LAST, 50))
    history = load(tmp_path)
    series = history.series[stock_id("TQQQ")]
    assert series.source == f"CSV {path}"
    assert series.feed is Feed.RECORDED
    assert series.adjustment is Adjustment.SPLIT
    assert history.source == f"CSV {tmp_path}"
    fund, other = (history.instruments[stock_id(symbol)] for symbol in ("TQQQ", "AAA"))
    assert (fund.underlying, fund.multiple, fund.tick) == ("QQQ", Decimal(3), None)
    assert (other.underlying, other.multiple) == (None, Decimal(1))


def test_unadjusted_bars_have_a_tick(tmp_path: Path) -> None:
    write(tmp_path, "QQQ", steady(FIRST, LAST))
    history = load_folder(tmp_path, xnys(), NOW, adjustment=Adjustment.NONE)
    assert history.instruments[QQQ].tick == Decimal("0.01")


def test_only_the_needed_symbols_are_read(tmp_path: Path) -> None:
    write(tmp_path, "QQQ", steady(FIRST, LAST))
    write(tmp_path, "BAD", ["nonsense"])
    assert set(load(tmp_path, "QQQ").series) == {QQQ}


def test_columns_may_stand_in_any_order_with_others_between(tmp_path: Path) -> None:
    text = "Volume,Close,Adj Close,Low,High,Open,Date\r\n900,10,9,9,11,10.5,2026-01-02\r\n\r\n"
    (tmp_path / "QQQ.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    bar = load(tmp_path).series[QQQ].bars[0]
    assert (bar.open, bar.volume) == (Decimal("10.5"), Decimal(900))


def test_more_decimals_than_can_be_stored_are_rounded_and_said(tmp_path: Path) -> None:
    write(tmp_path, "QQQ", ["2026-01-02,46.33000183105,47,46,46.5000005,1e6"])
    history = load(tmp_path)
    bar = history.series[QQQ].bars[0]
    assert bar.open == Decimal("46.330002")
    assert bar.close == Decimal("46.500000")  # half-even
    assert bar.volume == 1_000_000
    assert [finding.kind for finding in history.findings] == ["rounded"]


def test_hash_is_of_the_numbers_and_not_of_their_spelling(tmp_path: Path) -> None:
    write(tmp_path, "QQQ", ["2026-01-02,10,11,9,10.5,900"])
    first = load(tmp_path).data_hash
    write(tmp_path, "QQQ", ["2026-01-02,10.00,11.0,9.000,10.50,900"])
    assert load(tmp_path).data_hash == first
    write(tmp_path, "QQQ", ["2026-01-02,10.00,11.0,9.000,10.51,900"])
    assert load(tmp_path).data_hash != first
    assert len(first) == 16


def test_without_a_calendar_any_date_is_a_session_and_a_gap_is_what_another_has(
    tmp_path: Path,
) -> None:
    days = ["2026-01-03", "2026-01-04", "2026-01-10"]
    write(tmp_path, "AAA", [row(day, 10 + n / 10) for n, day in enumerate(days)])
    write(tmp_path, "BBB", [row(days[0], 20), row(days[2], 20.5)])
    history = load_folder(tmp_path, None, NOW)
    (gap,) = history.findings
    assert (gap.kind, gap.symbol, gap.session_date) == ("gap", "BBB", date(2026, 1, 4))


# -- what is refused -------------------------------------------------------------------------


def replaced(field: int, value: str) -> Edit:
    """An edit that puts a value into one field of the bar of 2026-03-10."""

    def edit(lines: list[str]) -> list[str]:
        at = line_of(lines, "2026-03-10") - 2
        fields = lines[at].split(",")
        fields[field] = value
        return [*lines[:at], ",".join(fields), *lines[at + 1 :]]

    return edit


def inserted(line: str, before: str) -> Edit:
    """An edit that puts a line before a date."""

    def edit(lines: list[str]) -> list[str]:
        at = line_of(lines, before) - 2
        return [*lines[:at], line, *lines[at:]]

    return edit


BAD_LINES = {
    "NaN": (replaced(4, "NaN"), "close 'NaN' is not a number"),
    "infinity": (replaced(2, "inf"), "high 'inf' is not a number"),
    "empty field": (replaced(1, ""), "open is empty"),
    "words": (replaced(5, "n/a"), "volume 'n/a' is not a number"),
    "digits with underscores": (replaced(5, "1_000"), "volume '1_000' is not a number"),
    "other digits": (replaced(5, "١٢"), "volume '١٢' is not a number"),
    "zero price": (replaced(3, "0"), "low 0 must be above 0"),
    "negative price": (replaced(1, "-5"), "open -5 must be above 0"),
    "negative volume": (replaced(5, "-1"), "volume -1 is not in 0.."),
    "absurd price": (replaced(2, "1.8e308"), "high 1.8E+308 must be above 0 and below"),
    "low above high": (replaced(3, "150"), "low 150 is above high 101"),
    "close above high": (replaced(4, "150"), "close 150 is not between low 99"),
    "date with a time": (replaced(0, "2026-03-10 16:00"), "'2026-03-10 16:00' is not a date"),
    "compact date": (replaced(0, "20260310"), "date '20260310' is not a date; YYYY-MM-DD"),
    "one field too many": (replaced(5, "1000,7"), "'7' stands right of the last column"),
    "duplicate date": (
        inserted(row("2026-03-09", 101), "2026-03-10"),
        "duplicate date 2026-03-09; one line per session",
    ),
    "unsorted": (
        inserted(row("2026-03-04", 101), "2026-03-10"),
        "unsorted: 2026-03-04 after 2026-03-09; dates must ascend",
    ),
}


@pytest.mark.parametrize("fault", list(BAD_LINES))
def test_bad_line_is_refused_with_file_line_and_value(tmp_path: Path, fault: str) -> None:
    edit, message = BAD_LINES[fault]
    lines = edit(steady(FIRST, LAST))
    path = write(tmp_path, "QQQ", lines)
    text = refusal(tmp_path)
    assert message in text
    # an inserted line stands where 2026-03-10 stood before, a changed one stays there
    assert text.startswith(f"{path}:{line_of(steady(FIRST, LAST), '2026-03-10')}: ")
    assert len(text.splitlines()) <= 2


def test_line_that_lacks_fields_is_refused(tmp_path: Path) -> None:
    lines = steady(FIRST, LAST)
    lines[5] = lines[5].rsplit(",", 3)[0]
    path = write(tmp_path, "QQQ", lines)
    assert refusal(tmp_path).splitlines() == [
        f"{path}:7: low is empty",
        f"{path}:7: close is empty",
        f"{path}:7: volume is empty",
    ]


@pytest.mark.parametrize(
    ("day", "why"),
    [
        ("2026-03-07", "2026-03-07 is a weekend: no session of XNYS"),
        ("2026-04-03", "2026-04-03 is a holiday: no session of XNYS"),
    ],
)
def test_day_without_a_session_is_refused(tmp_path: Path, day: str, why: str) -> None:
    lines = sorted([*steady(FIRST, LAST), row(day, 100)])
    write(tmp_path, "QQQ", lines)
    assert why in refusal(tmp_path)


def test_future_dates_are_refused_and_so_is_a_session_that_has_not_closed(tmp_path: Path) -> None:
    lines = steady(FIRST, date(2026, 11, 23))
    write(tmp_path, "QQQ", lines)
    text = refusal(tmp_path)
    assert "future date 2026-11-23; now is 2026-11-20 14:00 UTC" in text
    assert "future date 2026-11-20: that session closes at 2026-11-20 21:00 UTC" in text
    write(tmp_path, "QQQ", steady(FIRST, date(2026, 11, 19)))
    assert load(tmp_path).findings == ()


@pytest.mark.parametrize("cut", range(1, 40))
def test_half_written_file_is_refused_wherever_it_was_cut(tmp_path: Path, cut: int) -> None:
    lines = [row(day, 100, 20_000_000) for day in xnys().sessions(FIRST, LAST)]
    path = write(tmp_path, "QQQ", lines)
    path.write_bytes(path.read_bytes()[: -1 - cut])
    if cut == len(lines[-1]):  # cut just before the line: a gap in time, not a half line
        assert load(tmp_path).series[QQQ].bars[-1].session_date < LAST
    elif cut == len(lines[-1]) + 1:
        assert [f.kind for f in load(tmp_path).findings] == ["no_line_end"]
    else:
        assert str(path) in refusal(tmp_path)


def test_complete_file_without_a_last_line_end_is_used_and_said(tmp_path: Path) -> None:
    lines = steady(FIRST, LAST)
    write(tmp_path, "QQQ", lines, end="")
    history = load(tmp_path)
    assert len(history.series[QQQ].bars) == len(lines)
    assert [finding.kind for finding in history.findings] == ["no_line_end"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty file"),
        (b"\n\n", "empty file"),
        (f"{HEADER}\n".encode(), "no bars: the file is empty below its header"),
        (b"date,open,high,low,close\n2026-01-02,1,1,1,1\n", "column volume missing; there is"),
        (b"day,o,h\n", "column date, open, high, low, close, volume missing"),
        (b"\xff\xfe\x00d", "not UTF-8 text: byte 0 is 0xff"),
        (f"{HEADER}\n2026-01-02,1,1,1,1,5\n".encode() + b"\0" * 40, "NUL bytes: half-written"),
        (f'{HEADER}\n"2026-01-02,1,1,1,1,5\n'.encode(), "not a table"),
        (f"{HEADER}\n2026-01-02,1,1,1,1,5,6,7,8\n".encode(), "'6,7,8' stands right of the last"),
    ],
)
def test_file_that_is_no_table_of_bars_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "QQQ.csv"
    path.write_bytes(content)
    text = refusal(tmp_path)
    assert text.startswith(str(path))
    assert message in text


def test_missing_folder_and_missing_files_are_named(tmp_path: Path) -> None:
    assert "no such folder" in refusal(tmp_path / "nowhere")
    assert "holds no CSV file" in refusal(tmp_path)
    write(tmp_path, "QQQ", steady(FIRST, LAST))
    write(tmp_path, "SPY", steady(FIRST, LAST))
    text = refusal(tmp_path, "QQQ", "TMF", "TMV")
    assert text.endswith("TMF.csv, TMV.csv missing; there is QQQ.csv, SPY.csv")


def test_unreadable_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "QQQ.csv").mkdir()
    assert "QQQ.csv: cannot be read: Is a directory" in refusal(tmp_path)
    path = write(tmp_path, "TLT", steady(FIRST, LAST))
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("permissions do not bind this user")
    assert "TLT.csv: cannot be read: Permission denied" in refusal(tmp_path, "TLT")


def test_all_errors_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, "AAA", [row("2026-01-02", 10), "2026-01-05,NaN,11,9,,1000"])
    write(tmp_path, "BBB", ["x,1,1,1,1,1"] * 30)
    (tmp_path / "CCC.csv").write_text("")
    text = refusal(tmp_path)
    assert "AAA.csv:3: open 'NaN'" in text
    assert "AAA.csv:3: close is empty" in text
    assert text.count("BBB.csv:") == 21  # twenty, and how many more
    assert "BBB.csv: 10 more errors" in text
    assert "CCC.csv: empty file" in text


def test_two_files_with_the_same_bars_are_refused_by_name(tmp_path: Path) -> None:
    one = write(tmp_path, "QQQ", steady(FIRST, LAST))
    other = write(tmp_path, "TQQQ", steady(FIRST, LAST))
    text = refusal(tmp_path)
    assert f"{one} and {other} hold the same bars" in text


@pytest.mark.parametrize("wrong", ["PSQ", "TMF", "TMV", "TLT"])
def test_file_of_another_fund_is_refused_by_name(tmp_path: Path, wrong: str) -> None:
    export(synthetic_market(xnys(), 7, FIRST, LAST), tmp_path)
    assert load(tmp_path).findings == ()
    (tmp_path / "TQQQ.csv").write_text((tmp_path / f"{wrong}.csv").read_text())
    (tmp_path / f"{wrong}.csv").unlink()
    text = refusal(tmp_path)
    assert f"{tmp_path / 'TQQQ.csv'} does not follow 3 × {tmp_path / 'QQQ.csv'}" in text


def test_wrong_signal_file_is_refused_by_the_funds_that_should_follow_it(tmp_path: Path) -> None:
    export(synthetic_market(xnys(), 7, FIRST, LAST), tmp_path)
    other = synthetic_market(xnys(), 8, FIRST, LAST)
    bars = other.series[QQQ].bars
    write(
        tmp_path,
        "QQQ",
        [f"{b.session_date},{b.open},{b.high},{b.low},{b.close},{b.volume}" for b in bars],
    )
    text = refusal(tmp_path)
    assert "TQQQ.csv does not follow 3" in text
    assert "PSQ.csv does not follow -1" in text


# -- what is flagged, and never traded on ----------------------------------------------------


def test_missing_sessions_are_findings_that_block(tmp_path: Path) -> None:
    lines = [
        line
        for line in steady(FIRST, LAST)
        if not line.startswith(("2026-03-10", "2026-06-01", "2026-06-02", "2026-06-03"))
    ]
    write(tmp_path, "TLT", lines)
    write(tmp_path, "QQQ", steady(FIRST, LAST, 400))
    history = load(tmp_path)
    assert [(f.kind, f.symbol, f.session_date, f.blocks) for f in history.findings] == [
        ("gap", "TLT", date(2026, 3, 10), True),
        ("gap", "TLT", date(2026, 6, 1), True),
    ]
    assert "3 session(s): 2026-06-01 to 2026-06-03" in history.findings[1].text
    given = bars_given(history, date(2026, 3, 10))
    assert set(given.bars) == {QQQ}
    assert given.findings == history.findings[:1]


def test_series_that_ends_before_the_others_is_a_gap(tmp_path: Path) -> None:
    write(tmp_path, "QQQ", steady(FIRST, LAST))
    write(tmp_path, "TLT", steady(FIRST, date(2026, 10, 1), 90))
    (gap,) = load(tmp_path).findings
    assert (gap.symbol, gap.session_date, gap.blocks) == ("TLT", date(2026, 10, 2), True)


def test_late_listing_is_no_gap(tmp_path: Path) -> None:
    write(tmp_path, "QQQ", steady(FIRST, LAST))
    write(tmp_path, "AAA", steady(date(2026, 5, 1), LAST, 30))
    assert load(tmp_path).findings == ()


def test_zero_volume_of_the_signal_symbol_is_not_final(tmp_path: Path) -> None:
    write(tmp_path, "QQQ", replaced(5, "0")(steady(FIRST, LAST)))
    history = load(tmp_path)
    day = date(2026, 3, 10)
    (finding,) = history.findings
    assert (finding.kind, finding.session_date, finding.blocks) == ("zero_volume", day, True)
    assert day not in {bar.session_date for bar in history.series[QQQ].bars}
    assert bars_given(history, day).bars == {}
    assert quotes_given(history, day).quotes == {}


def test_zero_volume_of_another_symbol_withholds_its_prices_as_quotes(tmp_path: Path) -> None:
    write(tmp_path, "QQQ", steady(FIRST, LAST, 400))
    write(tmp_path, "AAA", replaced(5, "0")(steady(FIRST, LAST)))
    history = load(tmp_path)
    day = date(2026, 3, 10)
    (finding,) = history.findings
    assert (finding.kind, finding.symbol, finding.blocks) == ("zero_volume", "AAA", False)
    assert set(quotes_given(history, day).quotes) == {QQQ}
    assert set(bars_given(history, day).bars) == {QQQ, stock_id("AAA")}


def test_series_without_any_volume_is_said_once(tmp_path: Path) -> None:
    write(tmp_path, "AAA", [row(day, 10, 0) for day in xnys().sessions(FIRST, LAST)])
    (finding,) = load(tmp_path).findings
    assert (finding.kind, finding.blocks) == ("no_volume", False)


@pytest.mark.parametrize("symbol", ["QQQ", "TQQQ", "AAA"])
def test_tenfold_jump_blocks_and_is_never_a_price(tmp_path: Path, symbol: str) -> None:
    export(synthetic_market(xnys(), 7, FIRST, LAST), tmp_path)
    (tmp_path / "AAA.csv").write_text((tmp_path / "TMV.csv").read_text())
    (tmp_path / "TMV.csv").unlink()
    path = tmp_path / f"{symbol}.csv"
    lines = path.read_text().splitlines()
    at = line_of(lines[1:], "2026-03-10") - 1
    fields = lines[at].split(",")
    lines[at] = ",".join(
        [fields[0], *(str(Decimal(value) * 10) for value in fields[1:5]), fields[5]]
    )
    path.write_text("\n".join(lines) + "\n")
    history = load(tmp_path)
    day, key = date(2026, 3, 10), stock_id(symbol)
    assert {f.symbol for f in history.findings} == {symbol}
    assert {f.session_date for f in history.findings} == {day}
    assert any(f.blocks for f in history.findings)
    assert key not in bars_given(history, day).bars
    assert key not in quotes_given(history, day).quotes
    following = bars_given(history, date(2026, 3, 11))
    assert key in following.bars
    assert following.findings == ()


def test_bands_belong_to_the_strategy_that_asks_for_them(tmp_path: Path) -> None:
    days = xnys().sessions(FIRST, LAST)
    write(tmp_path, "QQQ", [row(day, 100 if day < date(2026, 3, 10) else 130) for day in days])
    assert [f.kind for f in load(tmp_path).findings if f.blocks] == ["own_close"]
    assert load_folder(tmp_path, xnys(), NOW, bands=NO_BANDS).findings == ()


def test_split_in_the_middle_of_a_series_is_named(tmp_path: Path) -> None:
    lines = [
        row(day, 100 if day < date(2026, 3, 10) else 50) for day in xnys().sessions(FIRST, LAST)
    ]
    write(tmp_path, "QQQ", lines)
    history = load(tmp_path)
    assert [f.kind for f in history.findings if f.blocks] == ["suspected_split"]
    assert "QQQ 50 where 100 is expected: looks like a 2:1 split" in history.findings[-1].text
    assert {f.session_date for f in history.findings} == {date(2026, 3, 10)}


# -- coverage, and the real thing ------------------------------------------------------------


def test_coverage_counts_bars_against_sessions(tmp_path: Path) -> None:
    write(tmp_path, "QQQ", steady(FIRST, LAST))
    write(tmp_path, "AAA", steady(date(2026, 7, 1), LAST, 30))
    found = coverage(load(tmp_path), xnys(), date(2025, 1, 2), LAST)
    sessions = len(xnys().sessions(date(2025, 1, 2), LAST))
    assert found[QQQ].expected == sessions
    assert found[QQQ].fraction == len(xnys().sessions(FIRST, LAST)) / sessions
    aaa = found[stock_id("AAA")]
    assert (aaa.found, aaa.fraction < 0.5) == (aaa.listed, True)


def test_real_bars_load_without_anything_that_blocks() -> None:
    history = load(shared_market())
    assert len(history.series[QQQ].bars) == 2496
    assert [(f.kind, f.symbol, f.session_date) for f in history.findings] == [
        ("open", "TMF", date(2009, 11, 20)),
        ("underlying", "TMF", date(2009, 11, 20)),
        ("open", "TMF", date(2010, 5, 6)),
        ("open", "TQQQ", date(2015, 8, 24)),
    ]
    assert not any(finding.blocks for finding in history.findings)
    feed = RecordedFeed(history, xnys(), date(2010, 1, 4), date(2018, 12, 31))
    quotes = [given for given in feed if isinstance(given, QuotesSeen)]
    assert len(quotes) == len(feed.sessions) == 2264
    assert all(
        len(seen.quotes) == (6 if seen.session_date >= date(2010, 2, 11) else 5) for seen in quotes
    )


def test_real_folder_with_two_files_exchanged_is_refused(tmp_path: Path) -> None:
    for path in shared_market().glob("*.csv"):
        (tmp_path / path.name).symlink_to(path)
    tqqq, tmf = tmp_path / "TQQQ.csv", tmp_path / "TMF.csv"
    tqqq.rename(tmp_path / "x")
    tmf.rename(tqqq)
    (tmp_path / "x").rename(tmf)
    text = refusal(tmp_path)
    assert "TQQQ.csv does not follow 3 ×" in text
    assert "TMF.csv does not follow 3 ×" in text
