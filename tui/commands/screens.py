"""attach and replay: a screen on what another process does, or has done."""

from typing import Annotated

import typer

from tui.commands.options import Config, Db
from tui.commands.starting import flags, require_terminal, settings_of

ReadOnly = Annotated[bool, typer.Option("--read-only", help="A screen that only looks.")]
Ascii = Annotated[bool, typer.Option("--ascii", help="No drawing characters.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("attach")(attach)
    app.command("replay")(replay)


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


def replay(
    session: Annotated[str, typer.Argument(metavar="SESSION", help="A session, by id or its end.")],
    at: Annotated[
        str | None,
        typer.Option(
            "--at", metavar="WHERE", help="2026-11-20, '2026-11-20 15:41', 'seq 18204', ID, end."
        ),
    ] = None,
    ascii_only: Ascii = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Show the screen on a recorded session, with a clock that can be moved; nothing is asked.

    It begins paused at the start. p plays, [ and ] step, { and } move by dates, ( and ) by what
    stands out, @ goes anywhere, = shows the end and comes back.

    \b
    Examples:
      pilothouse replay 9f3a1c22
      pilothouse replay 9f3a1c22 --at "2018-02-05 15:45"
    """
    require_terminal()
    given = flags(("--db", "storage.path", db), ("--ascii", "screen.ascii", ascii_only), sets=None)
    settings = settings_of(given, config)
    from tui.app import run_replay

    raise typer.Exit(run_replay(settings, session, at))
