"""The journal as sentences: every kind of event has one of its own."""

from typing import Any

from storage.codec import KINDS
from tests.tui import sample
from tui import sentence


def said(kind: str, subject: str, **payload: Any) -> str:
    """What the log says of an event."""
    return sentence.sentence(sample.event(1, kind, subject, payload))


def test_every_kind_of_event_has_words_of_its_own() -> None:
    assert set(KINDS) <= set(sentence._TEMPLATES) | set(sentence._WRITERS)


def test_a_link_that_moves_says_from_where_to_where_and_why() -> None:
    moved = {"before": {"state": "LIVE"}, "after": {"state": "DOWN", "text": "closed"}}
    assert said("LinkChanged", "DOWN", **moved) == "link LIVE → DOWN: closed"


def test_what_an_account_held_at_the_beginning_is_named() -> None:
    held = {"STK:QQQ:USD": "100", "STK:TLT:USD": "-2"}
    told = said("BaselineAdopted", "account", positions=held, cash="-12.5")
    assert told == "the account held QQQ 100, TLT −2 and cash −12.50 of no strategy"
    nothing = said("BaselineAdopted", "account", positions={}, cash="0")
    assert nothing == "the account held no position and cash 0.00 of no strategy"


def test_an_order_that_is_held_back_says_so_and_when_it_works_again() -> None:
    order = "ord_01JD5B8Z3K4M5N6P7Q8R9S0002"
    assert said("OrderHeld", order, held=True, text="locate") == (
        "order 9S0002 held back by the broker: locate"
    )
    assert said("OrderHeld", order, held=False, text="") == "order 9S0002 works again"
