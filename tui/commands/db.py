"""db: is the file whole, copies of it, and putting one back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tui.commands.options import Commands, Config, Confirm, Db, Json
from tui.commands.reading import database_of

if TYPE_CHECKING:
    from engine.settings.model import Storage

FINDINGS = 7

app = typer.Typer(cls=Commands, help="Integrity and copies of the database.", no_args_is_help=True)


def _storage(db: Path | None, config: Path | None) -> "Storage":
    from tui.commands.starting import flags, settings_of

    return settings_of(flags(("--db", "storage.path", db), sets=None), config).storage


def _folder(db: Path | None, config: Path | None) -> Path:
    """Return where copies are kept."""
    from storage.backup import backups_of

    kept = _storage(db, config)
    return backups_of(kept.path, kept.backups)


@app.command("check")
def check(db: Db = None, config: Config = None, as_json: Json = False) -> None:
    """Check pages, keys, the hash chain, the tables against it, and the newest copy.

    Exit 7 with findings, 5 when the file cannot be read.

    \b
    Examples:
      pilothouse db check
      pilothouse db check --db copy.db --json
    """
    from storage.check import check as check_database
    from tui.commands.output import Column, print_json, print_table

    findings = check_database(database_of(db, config), _folder(db, config))
    rows = [
        {
            "what": one.what,
            "verdict": "ok" if one.ok else "BAD",
            "fault": one.fault,
            "detail": one.detail,
        }
        for one in findings
    ]
    whole = all(one.ok for one in findings)
    if as_json:
        print_json({"ok": whole, "findings": rows})
    else:
        columns = [Column(name, name) for name in ("what", "verdict", "detail", "fault")]
        print_table(rows, columns, empty="nothing examined")
    if not whole:
        raise typer.Exit(FINDINGS)


@app.command("backup")
def backup(db: Db = None, config: Config = None, as_json: Json = False) -> None:
    """Make a checked copy, also while an engine runs; old copies go by the settings.

    \b
    Examples:
      pilothouse db backup
    """
    from engine.runtime.clock import SystemClock
    from storage.backup import make_backup, prune
    from tui.commands.output import print_json, say

    folder = _folder(db, config)
    made = make_backup(database_of(db, config), folder, SystemClock().wall())
    gone = prune(folder, _storage(db, config).keep, database_of(db, config))
    if as_json:
        document = {
            "path": made.path,
            "at": made.at,
            "seq": made.link.seq,
            "hash": made.link.hash,
            "counts": made.counts,
            "removed": gone,
        }
        print_json(document)
        return
    say(f"{made.path}: {made.link.seq} events, {made.path.stat().st_size / 1e6:.1f} MB, checked")
    for path in gone:
        say(f"removed {path}")


@app.command("restore")
def restore(
    copy: Annotated[
        Path | None,
        typer.Argument(metavar="COPY", readable=False, help="A copy; without it they are listed."),
    ] = None,
    confirm: Confirm = False,
    db: Db = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Put a copy in the database's place; the replaced file is kept beside it.

    \b
    Examples:
      pilothouse db restore
      pilothouse db restore backups/pilothouse-20261120T221500Z.db --confirm
    """
    from engine.errors import SafetyRefusal
    from engine.runtime.clock import SystemClock
    from storage.backup import restore as put_back
    from tui.commands.output import print_json, say

    database = database_of(db, config)
    if copy is None:
        _list_copies(_folder(db, config), as_json=as_json)
        return
    if not confirm:
        raise SafetyRefusal(f"restoring {copy} replaces {database}; it needs --confirm")
    done = put_back(database, copy, SystemClock().wall())
    if as_json:
        print_json({"database": database, "seq": done.link.seq, "replaced": done.replaced})
        return
    say(f"{database} is {copy} now, {done.link.seq} events")
    for path in done.replaced:
        say(f"kept {path}")


def _list_copies(folder: Path, *, as_json: bool) -> None:
    from storage.backup import backups
    from tui.commands.output import Column, print_json, print_table

    rows = [
        {"at": one.at, "seq": one.link.seq, "path": one.path, **one.counts}
        for one in backups(folder)
    ]
    if as_json:
        print_json(rows)
        return
    columns = [Column("at", "made at"), Column("seq", "events", right=True), Column("path", "copy")]
    print_table(rows, columns, empty=f"no copies in {folder}")
