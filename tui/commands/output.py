"""What commands print: JSON for programs, tables for people, narration on stderr.

Text from the database is cleaned by `tui.format` and never read as markup.
"""

import io
import os
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
    """Write to stdout at once; ReaderLeft if nobody takes it, EngineError if it cannot be."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise ReaderLeft from error
    except OSError as error:
        from engine.errors import EngineError

        text = f"standard output cannot be written: {error.strerror or error}"
        raise EngineError(text) from error


PLAIN = {
    "−": "-",
    "→": "->",
    "×": "x",
    "·": ".",
    "…": "...",
    "─": "-",
    "²": "^2",
    "⌊": "floor(",
    "⌋": ")",
}


def prepare_streams() -> None:
    """Let every text be printed: a stream that is closed takes it, one that is not UTF-8 gets
    plain letters. A minus must never be lost, nor a result because of one letter in it."""
    import codecs

    def plain_letter(error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeEncodeError):
            raise error
        text = "".join(PLAIN.get(letter, "?") for letter in error.object[error.start : error.end])
        return text, error.end

    codecs.register_error("plain", plain_letter)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif (
            isinstance(stream, io.TextIOWrapper) and codecs.lookup(stream.encoding).name != "utf-8"
        ):
            stream.reconfigure(errors="plain")


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
    """Print rows as a table, or one sentence where there are none.

    Nothing is ever cut: where a terminal is too narrow for the table, each row is written as
    names and values over as many lines as it takes. A number without its end is a wrong one.
    """
    from tui.format import cell

    cells = [[str(cell(cell_text(one.key, row.get(one.key)))) for one in columns] for row in rows]
    if not cells:
        say(empty)
    elif (width := _width()) < _needed(cells, columns):
        write("".join(_as_pairs(row, columns, width) for row in cells))
    else:
        write(_as_table(cells, columns, width))


GAP = 2  # columns between two cells
PROSE = 24  # the last column, where it is text, goes over several lines down to this width


def _width() -> int:
    """Return the columns of the terminal; output into a file or a pipe has all it wants."""
    import shutil

    return max(shutil.get_terminal_size().columns, 1) if sys.stdout.isatty() else WIDE


def _needed(cells: Sequence[Sequence[str]], columns: Sequence[Column]) -> int:
    from rich.cells import cell_len

    widths = [
        max(cell_len(column.title), *(cell_len(row[n]) for row in cells))
        for n, column in enumerate(columns)
    ]
    if not columns[-1].right:
        widths[-1] = min(widths[-1], PROSE)
    return sum(widths) + GAP * (len(widths) - 1)


def _as_table(cells: Sequence[Sequence[str]], columns: Sequence[Column], width: int) -> str:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for column in columns:
        prose = column is columns[-1] and not column.right
        table.add_column(
            Text(column.title),
            justify="right" if column.right else "left",
            no_wrap=not prose,
            overflow="fold",
        )
    for row in cells:
        table.add_row(*map(Text, row))
    text = io.StringIO()
    is_terminal = sys.stdout.isatty()
    Console(file=text, width=width, highlight=False, force_terminal=is_terminal).print(table)
    return text.getvalue()


def _as_pairs(row: Sequence[str], columns: Sequence[Column], width: int) -> str:
    """Return a row as names and values; what does not fit on a line begins the next."""
    from rich.cells import cell_len

    lines = [""]
    for column, text in zip(columns, row, strict=True):
        pair = f"{column.title} {text}"
        if not text:
            continue
        if lines[-1].strip() and cell_len(lines[-1]) + GAP + cell_len(pair) > width:
            lines.append("  ")
        lines[-1] += pair if not lines[-1].strip() else " " * GAP + pair
    return "\n".join(lines) + "\n"


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
