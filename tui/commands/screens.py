"""attach: a screen on the engine of another process."""

from typing import Annotated

import typer

from tui.commands.options import Config, Db
from tui.commands.runs import flags, require_terminal, settings_of

ReadOnly = Annotated[bool, typer.Option("--read-only", help="A screen that only looks.")]
Ascii = Annotated[bool, typer.Option("--ascii", help="No drawing characters.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("attach")(attach)


def attach(
    read_only: ReadOnly = False,
    ascii_only: Ascii = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Show the screen on an engine that another process runs; leaving it stops nothing.

    Any number at once, each armed for itself. It follows an engine that starts again.

    \b
    Examples:
      pilothouse attach
      pilothouse attach --read-only --db /var/lib/pilothouse/paper.db
    """
    require_terminal()
    given = flags(
        ("--db", "storage.path", db),
        ("--read-only", "screen.read_only", read_only),
        ("--ascii", "screen.ascii", ascii_only),
        sets=None,
    )
    settings = settings_of(given, config)
    from tui.app import run_attach

    raise typer.Exit(run_attach(settings))
