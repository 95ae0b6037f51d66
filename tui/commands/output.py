"""What commands print: JSON for programs, tables for people, narration on stderr.

Text from the database is cleaned by `tui.format` and never read as markup.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

Row = Mapping[str, Any]

WIDE = 1000
"""Columns where nobody's terminal cuts the lines: output into a file or a pipe."""


class Column(NamedTuple):
    """One column of a table for people."""

    key: str
    title: str
    right: bool = False


class ReaderLeft(Exception):
    """Nobody reads stdout any more, as after `| head`; no failure of ours."""


def write(text: str) -> None:
    """Write to stdout at once; ReaderLeft if nobody takes it."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise ReaderLeft from error


def print_json(document: object) -> None:
    """Print one ASCII-escaped JSON document; Decimals become numbers written in full."""
    import json

    write(json.dumps(plain(document), indent=2, allow_nan=False) + "\n")


def plain(value: object) -> object:
    """Return a value as JSON has it: no NaN, no Decimal, no date; a view's 0 or 1 is a boolean."""
    if isinstance(value, Mapping):
        return {
            str(key): bool(one) if key in FLAGS and type(one) is int else plain(one)
            for key, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None
    return _other(value)


def _other(value: object) -> object:
    from datetime import date, datetime
    from decimal import Decimal
    from enum import Enum

    from engine.domain.times import utc_text

    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    return str(value)


def narrate(text: str) -> None:
    """Tell a person what happens, on stderr."""
    from tui.format import safe

    sys.stderr.write(f"{safe(text)}\n")


def say(text: str) -> None:
    """Print one line of result on stdout."""
    from tui.format import safe

    write(f"{safe(text, 4000)}\n")


def print_table(rows: Iterable[Row], columns: Sequence[Column], *, empty: str) -> None:
    """Print rows as a table, or one sentence where there are none."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from tui.format import cell

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(Text(column.title), justify="right" if column.right else "left")
    count = 0
    for row in rows:
        table.add_row(
            *(Text(cell(cell_text(column.key, row.get(column.key)))) for column in columns)
        )
        count += 1
    if not count:
        say(empty)
        return
    console = Console(width=None if sys.stdout.isatty() else WIDE, highlight=False)
    with console.capture() as captured:
        console.print(table)
    write(captured.get())


MONEY = frozenset(
    {"equity", "cash", "market_value", "unrealized_pnl", "realized_pnl", "commission"}
)
PRICES = frozenset(
    {"price", "limit_price", "average_price", "average_cost", "market_price", "close"}
)
FRACTIONS = frozenset({"daily_return", "cumulative_return", "drawdown"})
COUNTS = frozenset({"quantity", "filled"})
FLAGS = frozenset(
    {
        "dry_run", "recorded_clock", "vol_crush", "provisional", "short_history", "bond_bull",
        "is_exit", "cancel_requested", "held", "final",
    }
)  # fmt: skip
"""Columns that hold 0 or 1: SQLite knows no boolean."""


def cell_text(name: str, value: object) -> str:
    """Return a value of a view's column as people read it."""
    from tui import format as words

    if value is None or isinstance(value, str):
        return shown(value)
    if name in FLAGS:
        return "yes" if value else "no"
    if isinstance(value, float):
        if name in MONEY:
            return words.money(value)
        if name in PRICES:
            return words.number(value, 4)
        if name in FRACTIONS:
            return f"{words.percent(value, 2)} %"
        if name in COUNTS:
            return words.quantity(value)
    return shown(value)


def print_pairs(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one pair a line."""
    found = [(name, shown(value)) for name, value in pairs]
    width = max((len(name) for name, _ in found), default=0)
    for name, value in found:
        say(f"{name:<{width}}  {value}".rstrip())


def shown(value: object) -> str:
    """Return a value as text for people; unknown is a point, never blank and never 0."""
    if value is None:
        return "·"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".") if value - value == 0 else "·"
    return str(plain(value)) if not isinstance(value, str) else value
