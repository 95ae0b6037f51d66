"""Options that commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup


def whole(at_least: int | None = None, at_most: int | None = None) -> Callable[[str | int], int]:
    """Return a reader of whole numbers that names the value and what is allowed."""

    def number(text: str | int) -> int:
        try:
            found = int(text)
        except ValueError:
            found = None
        if (
            found is None
            or (at_least is not None and found < at_least)
            or (at_most is not None and found > at_most)
        ):
            span = "" if at_least is None else f" from {at_least} to {at_most}"
            raise typer.BadParameter(f"{text} is not a whole number{span}")
        return found

    return number


MOST_ROWS = 1_000_000_000

# what cannot be read is told by whoever reads it, with the exit code that belongs to it
Db = Annotated[
    Path | None,
    typer.Option(
        "--db",
        metavar="FILE",
        readable=False,
        help="The database; else storage.path of the settings.",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        readable=False,
        help="A config.toml that beats the usual ones.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Session = Annotated[
    str | None, typer.Option("--session", metavar="ID", help="A session; else the latest.")
]
Limit = Annotated[
    int,
    typer.Option("--limit", metavar="N", parser=whole(1, MOST_ROWS), help="Newest rows to print."),
]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="WHEN", help="Only rows from a date or UTC instant on."),
]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why; it is written down with your name.")
]
Confirm = Annotated[bool, typer.Option("--confirm", help="Yes, really.")]


class Commands(TyperGroup):
    """A group whose list says each command's first sentence whole, over two lines if it must."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list."""
        rows = []
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                rows.append((name, command.get_short_help_str(1_000)))
        with formatter.section("Commands"):
            formatter.write_dl(rows)
