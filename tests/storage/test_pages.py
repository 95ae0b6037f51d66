"""Pages of a long table say what the whole table says."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import longtables
from storage.connect import open_reader
from storage.longtables import index_long_tables
from storage.queries.fetch import Row, fetch
from storage.queries.long import LONG, Condition
from storage.queries.pages import HALF, Page, Part, Window
from storage.start import prepare
from tests.storage import bulk
from tests.tui import seed
from tests.tui.screens import seeded

FILLS = 2_300


@pytest.fixture(scope="module", params=["with indexes", "short"])
def db(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[sqlite3.Connection]:
    """A session with some thousand fills, whose tables count as long or do not."""
    path = seeded(tmp_path_factory.mktemp("long") / "long.db", seed.story())
    bulk.add(path, FILLS)
    if request.param == "with indexes":
        assert index_long_tables(path, long_from=100)
    reader = open_reader(path, any_thread=True)
    yield reader
    reader.close()


def scopes(db: sqlite3.Connection) -> Row:
    """The only session and its book."""
    return fetch(db, "SELECT book, session_id FROM sessions")[0]


def whole(db: sqlite3.Connection, by: str, down: bool) -> list[Row]:
    """Every fill in an order, worked out without an index: unknown values last."""
    rows = fetch(db, "SELECT * FROM v_fills ORDER BY +seq")
    if not by:
        return rows[::-1]
    known = sorted((r for r in rows if r[by] is not None), key=lambda r: (r[by], r["seq"]))
    unknown = [r for r in rows if r[by] is None]
    return [*(known[::-1] if down else known), *(unknown[::-1] if down else unknown)]


def read(db: sqlite3.Connection, window: Window) -> tuple[list[str], Part]:
    """The keys of a finished page."""
    page = Page(window, scopes(db))
    page.on(db, 10.0)
    part = page.on(db, 10.0)
    assert not page.unfinished
    return [row["exec_id"] for row in page.rows], part


ORDERS = st.sampled_from(["", *LONG["fills"].orders])
CONDITIONS = st.sampled_from(
    [
        (),
        (Condition("symbol", "=", "qqq"),),
        (Condition("", "~", "tm"),),
        (Condition("", "!", "qqq"),),
        (Condition("price", "<", "100"),),
        (Condition("quantity", ">", "900"), Condition("side", "=", "b")),
        (Condition("symbol", "=", "nobody"),),
        (Condition("symbol", "=", bulk.RARE),),
    ]
)


def meets(row: Row, condition: Condition) -> bool:
    """What a condition means, in plain words."""
    text = condition.text
    if condition.sign in "~!":
        names = ("symbol", "side", "order_id", "exec_id", "strategy_id")
        return any(text in str(row[n]).casefold() for n in names) == (condition.sign == "~")
    value = row[condition.column]
    if condition.sign == "=":
        return str(value).casefold().startswith(text.casefold())
    return bool(value < float(text) if condition.sign == "<" else value > float(text))


@settings(max_examples=60, deadline=None)
@given(by=ORDERS, down=st.booleans(), conditions=CONDITIONS, at=st.integers(0, FILLS), end=...)
def test_a_window_is_a_piece_of_the_table(
    db: sqlite3.Connection,
    by: str,
    down: bool,
    conditions: tuple[Condition, ...],
    at: int,
    end: bool,
) -> None:
    rows = whole(db, by, down)
    around = rows[at]["exec_id"] if at < len(rows) else None
    keys, part = read(db, Window("fills", conditions, by, down, around, end))
    fitting = [r["exec_id"] for r in rows if all(meets(r, c) for c in conditions)]
    assert (part.total, part.matching) == (len(rows), len(fitting))
    if around is None:
        assert keys == (fitting[-2 * HALF :] if end else fitting[: 2 * HALF])
        return
    above = [r["exec_id"] for r in rows[:at] if r["exec_id"] in set(fitting)]
    below = fitting[len(above) :]
    assert keys == above[-HALF:] + below[:HALF]
    assert part.first == (len(above) < HALF)
    assert part.last == (len(below) < HALF)


def test_a_search_goes_on_piece_by_piece(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.queries.pages.PIECE", 100)
    monkeypatch.setattr("storage.queries.pages.COUNTED", 100)
    monkeypatch.setattr("storage.queries.pages.LOOKED_UP", 100)
    window = Window("fills", (Condition("side", "=", "b"), Condition("price", "<", "40")))
    page = Page(window, scopes(db))
    parts = [page.on(db, 0.0)]
    assert not parts[0].searched
    assert not parts[0].counted
    while page.unfinished:
        parts.append(page.on(db, 0.0))
        assert len(parts) < 200
    assert [p.matching for p in parts] == sorted(p.matching for p in parts)
    monkeypatch.undo()
    assert [row["exec_id"] for row in page.rows] == read(db, window)[0]
    assert page.on(db, 0.0).matching == read(db, window)[1].matching


def test_new_rows_are_counted_without_counting_the_old_ones(tmp_path: Path) -> None:
    path = seeded(tmp_path / "p.db", seed.story())
    bulk.add(path, 300)
    db = open_reader(path)
    page = Page(Window("fills"), scopes(db))
    page.on(db, 1.0)
    before = page.on(db, 1.0)
    bulk.add(path, 40)
    page.again()
    after = page.on(db, 1.0)
    db.close()
    assert (before.total, after.total) == (302, 342)
    assert page.rows[0]["seq"] > 302


def test_a_table_gets_its_indexes_at_the_next_start_after_it_has_grown_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = seeded(tmp_path / "long.db", seed.story())

    def names() -> set[str]:
        with closing(open_reader(path)) as reader:
            return {row[0] for row in reader.execute("SELECT name FROM sqlite_schema")}

    prepare(path)
    assert "fills_by_symbol" not in names()
    monkeypatch.setattr(longtables, "LONG_FROM", 2)
    prepare(path)
    assert {"fills_newest", "fills_by_symbol", "orders_by_symbol"} <= names()


# signals come a few a day and are put together from three tables: a page of them is sorted
@pytest.mark.parametrize("topic", [topic for topic in LONG if topic != "signals"])
def test_every_order_of_a_long_table_is_found_by_an_index(tmp_path: Path, topic: str) -> None:
    path = seeded(tmp_path / "long.db", seed.story())
    index_long_tables(path, long_from=1)
    db = open_reader(path)
    long = LONG[topic]
    orders = [("seq", long.index), *((f"{by}, seq", index) for by, index in long.orders.values())]
    for order, index in orders:
        hint = f"INDEXED BY {index}" if index else ""
        plan = db.execute(
            f"EXPLAIN QUERY PLAN SELECT {long.key} FROM {long.table} {hint} "  # noqa: S608
            f"WHERE {long.scope} = 'x' ORDER BY {order} LIMIT 5"
        ).fetchall()
        assert not any("TEMP B-TREE" in row["detail"] for row in plan), (topic, order)
    db.close()


def test_what_is_typed_is_never_sql(db: sqlite3.Connection) -> None:
    for text in ("'; DROP TABLE fills; --", "%", "_", "\\", '"', "100%", "1e9", "−5", "9" * 40):
        for sign in "~!=<>":
            for column in ("", "symbol", "price", "order_id"):
                page = Page(Window("fills", (Condition(column, sign, text),)), scopes(db))
                page.on(db, 10.0)
                part = page.on(db, 10.0)
                assert part.matching <= part.total == FILLS + 2
