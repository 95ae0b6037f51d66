"""The script of a market: read whole or refused by line."""

from datetime import timedelta

import pytest

from engine.brokers.practice.script import read_script
from engine.errors import MarketDataError
from tests.engine.practice.ear import FRIDAY, D, executions, held, open_venue, order

STORY = """at,symbol,bid,ask,last,halted,released
+0,KO,50.00,50.02,50.01,,
+5,KO,51.00,51.02,,yes,
2026-11-20T10:00:10-05:00,KO,52.00,52.02,,no,
+20,KO,,,,,yes
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


def test_every_wrong_line_is_named() -> None:
    wrong = """at,symbol,bid,ask,halted
soon,KO,1,2,
2026-11-20T10:00:00,KO,1,2,
+x,KO,1,2,
+1,,1,2,
+1,KO,NaN,2,
+1,KO,1,-2,
+1,KO,1,2,perhaps
"""
    with pytest.raises(MarketDataError) as told:
        read_script(wrong, FRIDAY)
    lines = str(told.value).splitlines()
    assert [line.split(":")[0][-1] for line in lines] == ["2", "3", "4", "5", "6", "7", "8"]
    with pytest.raises(MarketDataError, match="price"):
        read_script("at,symbol,price\n", FRIDAY)
