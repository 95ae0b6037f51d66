"""params: the parameters of the strategies, their limits, and who changed what."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tui.commands.options import Commands, Config, Db, Json, Limit, Reason, Session
from tui.commands.reading import database_of

if TYPE_CHECKING:
    from engine.settings.model import Settings

Strategy = Annotated[
    str | None,
    typer.Option("--strategy", metavar="NAME", help="One strategy; else those of the settings."),
]

app = typer.Typer(
    cls=Commands,
    help="Parameters of the strategies: limits, values, changes.",
    no_args_is_help=True,
)


@app.command("list")
def list_(
    strategy: Strategy = None, db: Db = None, config: Config = None, as_json: Json = False
) -> None:
    """Print every parameter with value, default and what is allowed.

    `running` is the value of the running engine where it differs from the settings.

    \b
    Examples:
      pilothouse params list
      pilothouse params list --strategy crossover --json
    """
    from tui.commands.output import Column, print_json, print_table

    settings = _settings(db, config)
    names = [strategy] if strategy else list(settings.run.strategy)
    running = _running(database_of(db, config))
    rows = [row for name in names for row in _rows(settings, name, running)]
    if as_json:
        print_json(rows)
        return
    titles = ("strategy", "key", "value", "running", "default", "allowed", "unit", "origin", "note")
    columns = [Column(title, title) for title in titles]
    print_table(rows, columns, empty="no parameters")


def _settings(db: Path | None, config: Path | None) -> "Settings":
    from tui.commands.starting import flags, settings_of

    return settings_of(flags(("--db", "storage.path", db), sets=None), config)


def _rows(
    settings: "Settings", name: str, running: dict[tuple[str, str], str]
) -> list[dict[str, Any]]:
    from engine.strategy.parameter import canonical
    from engine.strategy.registry import resolve, schema_of

    schema = schema_of(name)
    resolved = settings.strategy(name) if name in settings.run.strategy else resolve(name)
    inert = schema.inert(resolved.values)
    return [
        {
            "strategy": name,
            "key": parameter.key,
            "value": resolved.texts[parameter.key],
            "running": running.get((name, parameter.key), ""),
            "default": "" if parameter.default is None else canonical(parameter.default),
            "allowed": parameter.allowed,
            "unit": parameter.unit,
            "origin": settings.origin(f"{name}.{parameter.key}"),
            "note": f"inert: {inert[parameter.key]}" if parameter.key in inert else "",
        }
        for parameter in schema.parameters
    ]


def _running(database: Path) -> dict[tuple[str, str], str]:
    """Return what was changed in the session that runs now, by strategy and key."""
    from engine.runtime.holder import running
    from storage.connect import reading
    from storage.queries.listing import rows

    holder = running(database)
    if holder is None:
        return {}
    with reading(database) as connection:
        if connection is None:
            return {}
        found = rows(connection, "parameters", session_id=holder.session_id)
    return {(row["strategy_id"], row["key"]): row["new"] for row in found}


@app.command("set")
def set_(
    key: Annotated[str, typer.Argument(metavar="KEY", help="A parameter, or STRATEGY.KEY.")],
    value: Annotated[str, typer.Argument(metavar="VALUE")],
    reason: Reason,
    strategy: Strategy = None,
    db: Db = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Change a parameter of the running session from its next decision on.

    The settings stay as they are: a new session begins with them.

    \b
    Examples:
      pilothouse params set sma_fast 50 --reason "trying a slower mean"
      pilothouse params set crossover.fast 30 --reason "as agreed" --json
    """
    from engine.errors import SettingsError
    from engine.strategy.registry import resolve, schema_of
    from tui.commands.asking import ask, exit_code, print_answers

    settings = _settings(db, config)
    name, point, parameter = key.rpartition(".")
    if not point:
        if strategy is None and len(settings.run.strategy) != 1:
            raise SettingsError(f"{key}: with several strategies say which one: STRATEGY.{key}")
        name = strategy or settings.run.strategy[0]
    schema_of(name)
    given = settings.table(name)
    preset = given.pop("preset", "default")
    resolve(name, preset, {**given, parameter: value})  # refuses what no session would take
    database = database_of(db, config)
    args = {"strategy": name, "key": parameter, "value": value}
    answer = ask(database, "SET_PARAMETER", reason, args)
    print_answers([answer], as_json=as_json)
    raise typer.Exit(exit_code(answer))


@app.command("history")
def history(
    strategy: Strategy = None,
    session: Session = None,
    limit: Limit = 20,
    db: Db = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Print who changed which parameter, when and why; all sessions unless one is named.

    \b
    Examples:
      pilothouse params history
      pilothouse params history --strategy regime --json
    """
    from storage.connect import reading
    from storage.queries.listing import rows
    from tui.commands.output import Column, print_json, print_table
    from tui.commands.reading import session_named

    with reading(database_of(db, config)) as connection:
        found = []
        if connection is not None:
            chosen = None if session is None else session_named(connection, session)
            found = rows(connection, "parameters", session_id=chosen)
    found = [row for row in found if strategy in (None, row["strategy_id"])][-limit:]
    if as_json:
        print_json(found)
        return
    titles = ("at", "strategy_id", "key", "old", "new", "actor", "reason", "session_id")
    print_table(found, [Column(title, title) for title in titles], empty="no changes")
