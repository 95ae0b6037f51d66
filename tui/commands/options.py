"""Options that commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

Db = Annotated[
    Path | None,
    typer.Option("--db", metavar="FILE", help="The database; else storage.path of the settings."),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="A config.toml that beats the usual ones."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Session = Annotated[
    str | None, typer.Option("--session", metavar="ID", help="A session; else the latest.")
]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="Newest rows to print.")]
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
