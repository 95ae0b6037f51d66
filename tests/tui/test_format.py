"""Values to text, and foreign text made harmless."""

import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.format import (
    age,
    cell,
    clip,
    countdown,
    fit,
    money,
    number,
    percent,
    price,
    quantity,
    safe,
    say,
    short_id,
    slot,
    to_ascii,
    when,
)

PLANTED = (
    "[red]x[/blue] \x1b[2J\x1b]0;t\x07\x1b]52;c;aGk=\x07\x1bPq\x1b\\ \x9b31m \u202eevil\u202c "
    "zero\u200bwidth \U000e0041 \ud800 line\nbreak\ttab \u05d0\u0627 a\u0301\u0301\u0301 "
    + "y"
    * 10_000
)


@given(st.text(max_size=700))
def test_safe_text_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    shown = safe(text)
    assert shown.isprintable()
    assert len(shown) <= 500
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for c in shown)


@given(st.text(alphabet=st.characters(categories=["Mn", "Me", "Lu", "Zs"]), max_size=80))
def test_safe_text_never_stacks_combining_marks(text: str) -> None:
    marks = [unicodedata.category(c) in ("Mn", "Me", "Mc") for c in safe(text)]
    assert not any(a and b for a, b in pairwise(marks))


@given(st.text(max_size=300))
def test_safe_twice_is_safe_once(text: str) -> None:
    assert safe(safe(text)) == safe(text)


def test_planted_text_loses_every_sequence() -> None:
    shown = safe(PLANTED)
    for sequence in ("\x1b", "\x07", "\x9b", "\u202e", "\u200b", "\U000e0041", "\n", "\t"):
        assert sequence not in shown
    assert 490 < len(shown) <= 500
    assert "[red]x[/blue]" in shown  # markup is text, never markup: nothing parses it


def test_plain_text_stays_as_it_is() -> None:
    assert safe("SELL 541 TQQQ, 3 × über") == "SELL 541 TQQQ, 3 × über"


def test_letters_from_right_to_left_do_not_reach_a_table() -> None:
    assert cell("12 \u05d0\u05d1 34") == "12 \ufffd\ufffd 34"


@given(st.text(max_size=60), st.integers(0, 40), st.booleans())
def test_fitted_text_has_exactly_its_width(text: str, width: int, right: bool) -> None:
    assert cell_len(fit(safe(text), width, right=right)) == width


@given(st.text(max_size=60))
def test_ascii_text_keeps_its_cells(text: str) -> None:
    shown = safe(text)
    plain = to_ascii(shown)
    assert plain.isascii()
    assert cell_len(plain) == cell_len(shown)


def test_unknown_is_a_dot_and_never_zero() -> None:
    assert number(None) == money(None) == percent(None) == quantity(None) == price(None) == "·"
    assert number(float("nan")) == number(float("inf")) == "·"
    assert age(None) == countdown(None) == short_id(None) == short_id("") == "·"


@pytest.mark.parametrize(
    ("value", "width", "text"),
    [
        (1234.5, 9, "1,234.50"),
        (-1234.5, 9, "−1,234.50"),
        (1234567.89, 9, "1.23M"),
        (999_950, 8, "1.00M"),
        (12345.678, 8, "12.3k"),
        (-0.001, 8, "0.00"),
        (0, 8, "0.00"),
        (Decimal("2786.15"), 9, "2,786.15"),
    ],
)
def test_a_number_that_does_not_fit_is_scaled_and_never_cut(
    value: float | Decimal, width: int, text: str
) -> None:
    assert number(value, 2, width=width) == text


@given(st.floats(-1e14, 1e14), st.booleans())
def test_numbers_stay_within_nine_cells(value: float, signed: bool) -> None:
    assert len(money(value, signed=signed, width=9)) <= 9


def test_signs_are_said_on_both_sides() -> None:
    assert money(2786.15, signed=True) == "+2,786.15"
    assert money(-40.5, signed=True) == "−40.50"
    assert money(0, signed=True) == "0.00"
    assert percent(0.0421, 1, signed=True) == "+4.2"


def test_shares_show_the_decimals_they_have() -> None:
    assert quantity(541.0) == "541"
    assert quantity(Decimal("0.5")) == "0.5"
    assert quantity(Decimal("1E+3")) == "1,000"


def test_a_price_below_a_dollar_shows_four_decimals() -> None:
    assert price(0.20354) == "0.2035"
    assert price(115.4) == "115.40"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0s"), (3, "3s"), (59.9, "59s"), (60, "1m"), (7200, "2h"), (259_200, "3d")],
)
def test_an_age_takes_at_most_four_cells(seconds: float, text: str) -> None:
    assert age(seconds) == text


def test_times_are_the_exchanges_and_dates_stand_for_other_days() -> None:
    at = datetime(2026, 11, 20, 20, 41, 7, tzinfo=UTC)
    assert when(at, date(2026, 11, 20)) == "15:41:07"
    assert when(at, date(2026, 11, 23)) == "26-11-20"


def test_clipped_text_says_that_something_is_missing() -> None:
    assert clip(safe("abcdef"), 4) == "abc…"
    assert clip(safe("表表表"), 4) == "表…"


def test_small_words() -> None:
    assert short_id("ord_01JD5B8Z3K4M5N6P7Q8R9S0001") == "9S0001"
    assert slot("15min_after_open") == "o+15"
    assert countdown(271) == "04:31"
    assert countdown(3 * 3600 + 5) == "3:00:05"
    assert say("{} → {}", safe("{x}"), safe("b")) == "{x} → b"
