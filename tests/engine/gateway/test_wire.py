"""The codec against a reader of its own: every message, every version, every field."""

import contextlib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.brokers.practice.wire import VERSION_MAX, VERSION_MIN, frame, value
from engine.brokers.practice.wire.answer import ANSWERS, answer, read_answer
from engine.brokers.practice.wire.layout import Field, Gate, Item, Message, Repeat, When, layout
from engine.brokers.practice.wire.request import REQUESTS, read_request, request
from engine.brokers.practice.wire.value import WireError
from tests.engine.gateway import strict_requests
from tests.engine.gateway.samples import Filling, expected, same
from tests.engine.gateway.strict import READERS, strict
from tests.engine.gateway.strict_fields import Amiss

VERSIONS = range(VERSION_MIN, VERSION_MAX + 1)


def payloads(message: Message, version: int) -> list[tuple[dict[str, Any], bytes]]:
    """The message bare, and full in four variants."""
    fillings = [Filling(full=False), *(Filling(full=True, variant=n) for n in range(4))]
    values = [filling.values(message) for filling in fillings]
    return [(one, answer(message.name, version, one)) for one in values]


def test_both_sides_know_the_same_messages() -> None:
    assert READERS.keys() == ANSWERS.keys()
    assert strict_requests.WORDS.keys() == REQUESTS.keys()


@pytest.mark.parametrize("message", ANSWERS.values(), ids=lambda message: message.name)
def test_a_strict_reader_finds_every_field_at_every_version(message: Message) -> None:
    for version in VERSIONS:
        for values, payload in payloads(message, version):
            number, found = strict(payload, version)
            assert number == message.number
            wanted = expected(message.items, values, version)
            assert same(found) == same(wanted), version
            assert same(read_answer(payload, version)[1]) == same(wanted), version


@pytest.mark.parametrize("message", REQUESTS.values(), ids=lambda message: message.name)
def test_a_server_reads_what_a_strict_client_writes(message: Message) -> None:
    for version in VERSIONS:
        for variant in range(4):
            values = Filling(full=True, variant=variant).values(message)
            payload = request(message.name, version, **values)
            found = read_request(payload, version, strict=True)[1]
            assert same(found) == same(expected(message.items, values, version))
            texts = strict_requests.words(payload, version)
            for name, one in strict_requests.flat(found):
                assert texts.get(name) == one, (version, name)
            assert len(texts) == len(strict_requests.flat(found))


@pytest.mark.parametrize("number", sorted(ANSWERS))
def test_a_dropped_or_inserted_field_is_noticed(number: int) -> None:
    for version in (151, 178):
        for _, payload in payloads(ANSWERS[number], version)[:2]:
            fields = payload[:-1].split(b"\0")
            for place in range(1, len(fields)):
                for changed in (
                    [*fields[:place], *fields[place + 1 :]],
                    [*fields[:place], b"7", *fields[place:]],
                ):
                    with pytest.raises(Amiss):
                        strict(b"".join(field + b"\0" for field in changed), version)


GOLDEN = {
    "placeOrder": {151: 110, 158: 111, 160: 112, 162: 113, 166: 114, 169: 115, 176: 115, 178: 114},
    "openOrder": {
        151: 120, 157: 120, 158: 121, 160: 122, 162: 123, 170: 128, 176: 128, 177: 127, 178: 127,
    },
    "completedOrder": {151: 92, 169: 92, 170: 97, 176: 97, 177: 96, 178: 96},
    "contractDetails": {151: 40, 152: 41, 162: 41, 163: 42, 164: 42, 178: 42},
    "execution": {151: 31, 177: 31, 178: 32},
    "error": {151: 5, 165: 5, 166: 6, 178: 6},
    "orderStatus": {151: 12, 178: 12},
    "portfolio": {151: 20, 178: 20},
    "position": {151: 16, 178: 16},
    "optionComputation": {151: 12, 155: 12, 156: 12, 178: 12},
    "reqMktData": {151: 20, 178: 20},
    "reqContractDetails": {151: 18, 175: 18, 176: 19, 178: 19},
}  # fmt: skip


@pytest.mark.parametrize("name", GOLDEN)
def test_field_counts_are_the_golden_ones(name: str) -> None:
    for version, wanted in GOLDEN[name].items():
        if name in ("placeOrder", "reqMktData", "reqContractDetails"):
            payload = request(name, version, secType="STK", orderType="LMT")
        else:
            values = {
                "totalQuantity": 1, "filledQuantity": 0, "minTick": Decimal("0.01"),
                "secIds": [{"tag": "ISIN", "value": "US"}],
                **dict.fromkeys(
                    ("shares", "price", "cumQty", "avgPrice", "filled", "remaining", "position",
                     "marketPrice", "marketValue", "averageCost", "unrealizedPNL", "realizedPNL",
                     "avgCost"), 1),
            }  # fmt: skip
            payload = answer(name, version, values)
        assert payload.count(b"\0") == wanted, version


def test_bytes_of_a_greeting_are_the_golden_ones() -> None:
    assert frame.hello(157, 176).hex() == "4150490000000009763135372e2e313736"
    assert frame.welcome(176, "20261120 02:18:36 EST") == (
        bytes.fromhex("0000001a") + b"176\x0020261120 02:18:36 EST\0"
    )
    start = frame.framed(request("startApi", 176, clientId=17))
    assert start == bytes.fromhex("00000009") + b"71\x002\x0017\0\0"
    accounts = frame.framed(answer("managedAccounts", 176, {"accounts": "DU0000001"}))
    assert accounts == bytes.fromhex("0000000f") + b"15\x001\0DU0000001\0"
    first_id = frame.framed(answer("nextValidId", 176, {"id": 1}))
    assert first_id == bytes.fromhex("00000006") + b"9\x001\x001\0"


@pytest.mark.parametrize(
    ("hello", "wanted"),
    [
        (b"v157..176", (157, 176, "")),
        (b"v100..157 +PACEAPI", (100, 157, "+PACEAPI")),
        (b"v151", (151, 151, "")),
        (b"v100..178\0", (100, 178, "")),
    ],
)
def test_versions_of_a_hello_are_read(hello: bytes, wanted: tuple[int, int, str]) -> None:
    assert frame.versions(hello) == wanted


@pytest.mark.parametrize(
    "hello", [b"", b"x", b"v", b"v1..", b"v-1..2", b"GET / HTTP/1.1", b"v\xff"]
)
def test_a_hello_without_versions_is_refused(hello: bytes) -> None:
    with pytest.raises(WireError):
        frame.versions(hello)


@settings(max_examples=50)
@given(st.lists(st.binary(max_size=40), max_size=8), st.data())
def test_frames_survive_any_fragmentation(wanted: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(map(frame.framed, wanted))
    frames = frame.Frames()
    found: list[bytes] = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        frames.feed(stream[:size])
        stream = stream[size:]
        while (payload := frames.take()) is not None:
            found.append(payload)
    assert found == wanted


def test_a_length_beyond_the_limit_loses_the_stream() -> None:
    frames = frame.Frames()
    frames.feed(b"\x01\x00\x00\x00")
    with pytest.raises(frame.BadLength):
        frames.take()


# -- values --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_", "wanted"),
    [
        (100, "100"), (100.0, "100"), (Decimal("100.00"), "100"), (0.1, "0.1"), (-0.0, "0"),
        (Decimal("1E-5"), "0.00001"), (Decimal("1E+6"), "1000000"), (1e-11, "0"),
        (Decimal("50.01"), "50.01"), (-2.5, "-2.5"), (True, "1"), (123456789.125, "123456789.125"),
    ],
)  # fmt: skip
def test_numbers_are_written_short_and_without_exponent(given_: Any, wanted: str) -> None:
    assert value.number_text(given_) == wanted


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), Decimal("NaN"), -float("inf")])
def test_what_is_no_number_is_never_written(bad: Any) -> None:
    with pytest.raises(WireError):
        value.number_text(bad)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("10", 10), ("10.0", 10), ("1e-05", Decimal("0.00001")), ("", None),
        ("-3.5", Decimal("-3.5")),
        ("1.7976931348623157E308", None), ("1.7976931348623157e+308", None), ("2147483647", None),
        ("9223372036854775807", None), ("Infinity", None), ("Infinite", None),
        (".5", Decimal("0.5")),
    ],
)  # fmt: skip
def test_numbers_are_read_in_every_form_that_clients_write(text: str, wanted: Any) -> None:
    assert value.number(text) == wanted


@pytest.mark.parametrize("text", ["nan", "ten", "1,5", "0x10", "1e9999", "1e400", " 1", "--1", "²"])
def test_words_are_no_numbers(text: str) -> None:
    for read in (value.number, value.whole):
        with pytest.raises(WireError):
            read(text)


def test_ids_have_thirty_one_bits() -> None:
    assert value.whole("2147483646") == 2147483646
    with pytest.raises(WireError):
        value.whole("2147483648")


def test_foreign_signs_are_escaped_for_clients_that_know_it() -> None:
    assert value.plain_text("Zürich\0", 153) == "Z\\u00fcrich\\u0000"
    assert value.plain_text("Zürich\0", 152) == "Z?rich?"
    assert value.plain_text("😀", 178) == "\\ud83d\\ude00"


def test_a_field_that_is_missing_at_the_end_is_unset() -> None:
    payload = b"3\x001\x00756733\x00SPY\x00STK\0"
    found = read_request(payload, 176)[1]
    assert found["symbol"] == "SPY"
    assert found["lmtPrice"] is None
    assert found["orderRef"] == ""
    assert found["transmit"] is False
    assert found["conditions"] == []
    with pytest.raises(WireError):
        read_request(payload, 176, strict=True)


def test_fields_beyond_the_end_are_ignored() -> None:
    payload = request("reqPositions", 176) + b"extra\0more\0"
    assert read_request(payload, 176)[0].name == "reqPositions"
    with pytest.raises(WireError):
        read_request(payload, 176, strict=True)


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"61\x001", b"x\0", b"4711\0", b"\0", b"-1\0", b"3\0one\0", b"5\xff\0",
        b"1\x0011\x001\x000\0\0STK\0\0nan\0", b"14\x001\x0099999999999\0",
    ],
)  # fmt: skip
def test_what_cannot_be_parsed_is_an_error(payload: bytes) -> None:
    with pytest.raises(WireError):
        read_request(payload, 176)


def test_a_count_that_cannot_be_true_is_an_error_at_once() -> None:
    fields = ["20", "1", *[""] * 13, "", "1 day", "1 D", "1", "TRADES", "1"]
    fields[4] = "BAG"
    with pytest.raises(WireError, match="comboLegs"):
        read_request(frame.joined([*fields, "1000000"]), 176)


def test_a_layout_that_is_none_is_refused() -> None:
    for text in ("a b)", "?nobody(a)", "a:q", "[>=158 a", "*rows(a"):
        with pytest.raises(ValueError):  # noqa: PT011  the text is not the point
            layout(text)


# -- round trips ---------------------------------------------------------------------------

NUMBERS = st.decimals(-(10**9), 10**9, allow_nan=False, allow_infinity=False, places=6)
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)


def a_value(field: Field) -> st.SearchStrategy[Any]:
    """Anything a field may carry."""
    match field.kind:
        case "s":
            return TEXTS
        case "i" | "t":
            return st.integers(-(2**31), 2**31 - 2)
        case "b":
            return st.booleans()
        case "e":
            return NUMBERS
        case _:
            return st.none() | NUMBERS


def a_group(items: tuple[Item, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """Values for every field of a group, conditional ones included."""
    found: dict[str, st.SearchStrategy[Any]] = {}
    for item in items:
        match item:
            case Field(name, _, None, _):
                found.setdefault(name, a_value(item))
            case Repeat("conditions", _):
                found["conditions"] = st.just([])
            case Repeat(name, (Field() as only,)):
                found[name] = st.lists(a_value(only), max_size=3)
            case Repeat(name, inner):
                found[name] = st.lists(a_group(inner), max_size=3)
            case When(_, inner) | Gate(_, _, inner):
                for strategy in (a_group(inner),):
                    found[f"?{len(found)}"] = strategy
            case _:
                pass
    if "kind" in found:
        found["kind"] = st.integers(1, 4)
    return st.fixed_dictionaries(found).map(_merged)


def _merged(values: dict[str, Any]) -> dict[str, Any]:
    """Values of inner groups lie beside the outer ones."""
    merged: dict[str, Any] = {}
    for name, one in values.items():
        if name.startswith("?"):
            merged |= {inner: v for inner, v in one.items() if inner not in merged}
        else:
            merged[name] = one
    return merged


@settings(max_examples=100)
@given(st.data(), st.sampled_from(sorted(ANSWERS)), st.integers(VERSION_MIN, VERSION_MAX))
def test_any_values_of_any_answer_come_back(data: st.DataObject, number: int, version: int) -> None:
    message = ANSWERS[number]
    values = data.draw(a_group(message.items))
    payload = answer(message.name, version, values)
    wanted = same(expected(message.items, values, version))
    assert same(read_answer(payload, version)[1]) == wanted
    assert same(strict(payload, version)[1]) == wanted


@settings(max_examples=100)
@given(st.data(), st.sampled_from(sorted(REQUESTS)), st.integers(VERSION_MIN, VERSION_MAX))
def test_any_values_of_any_request_come_back(
    data: st.DataObject, number: int, version: int
) -> None:
    message = REQUESTS[number]
    values = data.draw(a_group(message.items))
    payload = request(message.name, version, **values)
    found = read_request(payload, version, strict=True)[1]
    assert same(found) == same(expected(message.items, values, version))


@given(st.binary(max_size=200), st.integers(VERSION_MIN, VERSION_MAX))
def test_random_bytes_are_a_request_or_an_error(payload: bytes, version: int) -> None:
    with contextlib.suppress(WireError):
        read_request(payload + b"\0", version)
