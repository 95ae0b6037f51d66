"""The script of a market: read whole, or refused with its line."""

from datetime import timedelta

import pytest

from engine.brokers.practice.script import read_script
from tests.engine.practice.ear import FRIDAY, D, executions, held, open_venue, order

STORY = """at,symbol,bid,ask,last,state
+0,KO,50.00,50.02,50.01,
+5,KO,51.00,51.02,,halted
2026-11-20T10:00:10-05:00,KO,52.00,52.02,,
+20,KO,,,,released
"""


def test_a_script_gives_quotes_halts_and_gaps_in_time() -> None:
    lines = read_script(STORY, FRIDAY)
    assert [line.at - FRIDAY for line in lines] == [timedelta(seconds=s) for s in (0, 5, 10, 20)]
    venue, _ = open_venue(lines, partial_fills="none")
    venue.place(order(1, "BUY 10 MKT"))
    venue.advance(6)
    venue.place(order(2, "BUY 10 MKT"))
    venue.advance(3)
    assert held(venue) == 10
    venue.advance(2)
    assert [(e.price, e.at - FRIDAY) for e in executions(venue)] == [
        (D("50.02"), timedelta(seconds=0.1)),
        (D("52.02"), timedelta(seconds=10)),
    ]
    venue.advance(10)
    plain, _ = open_venue()
    assert venue.market.price("KO", venue.now()) == plain.market.price("KO", venue.now())


@pytest.mark.parametrize(
    "line",
    [
        "soon,KO,1,2,",
        "2026-11-20T10:00:00,KO,1,2,",
        "+x,KO,1,2,",
        "+1,,1,2,",
        "+1,KO,NaN,2,",
        "+1,KO,1,-2,",
        "+1,KO,1,2,perhaps",
    ],
)
def test_a_wrong_line_is_named(line: str) -> None:
    with pytest.raises(ValueError, match="story line 3: "):
        read_script(f"at,symbol,bid,ask,state\n+0,KO,1,2,\n{line}\n", FRIDAY, "story")


def test_unknown_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="price"):
        read_script("at,symbol,price\n", FRIDAY)
