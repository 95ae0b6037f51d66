"""status: how things stand, with an engine and without one."""

import typer

from tui.commands.options import Config, Db, Json
from tui.commands.reading import database_of


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)


def status(db: Db = None, config: Config = None, as_json: Json = False) -> None:
    """Show session, mode, trading state, link, last decision, next slot, equity, counts.

    \b
    Examples:
      pilothouse status
      pilothouse status --json
    """
    from tui.commands.standing import show

    show(database_of(db, config), as_json=as_json)
