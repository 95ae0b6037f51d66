"""Rows for people and programs: nine listings, export, explain."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from tui.commands.options import MOST_ROWS, Config, Db, Json, Limit, Session, Since, whole
from tui.commands.reading import columns, database_of, read


class Kind(NamedTuple):
    """One kind of row: what its command says and which columns people see."""

    says: str
    empty: str
    columns: str  # names in the view; > before a name sets it to the right


KINDS = {
    "regimes": Kind(
        "Print regime readings: trend, volatility, cell.",
        "no regime readings",
        "session_date strategy_id >cell trend vol >t_norm >z_score >sma_fast >sma_slow "
        "vol_crush >close",
    ),
    "signals": Kind(
        "Print signals and what became of them.",
        "no signals",
        "session_date signal_id strategy_id symbol kind >target_weight state reason",
    ),
    "orders": Kind(
        "Print orders with status and what is filled.",
        "no orders",
        "created_at order_id strategy_id symbol side >quantity order_type >limit_price status "
        ">filled >average_price reason",
    ),
    "trades": Kind(
        "Print fills with commission and slippage; + is worse.",
        "no fills",
        "at exec_id strategy_id symbol side >quantity >price >commission >slippage_bps",
    ),
    "positions": Kind(
        "Print positions by owner; no owner means owned by no strategy.",
        "no positions",
        "strategy_id symbol >quantity >average_cost >market_price >market_value "
        ">unrealized_pnl >realized_pnl priced_at",
    ),
    "alerts": Kind(
        "Print alerts, acknowledged and resolved ones too.",
        "no alerts",
        "last_at severity kind subject >count state text",
    ),
    "sessions": Kind(
        "Print sessions: every run of the engine.",
        "no sessions",
        "session_id mode dry_run strategy_ids state started_at ended_at end_reason "
        "parent_session_id",
    ),
    "snapshots": Kind(
        "Print the daily rows: equity, cash, returns, drawdown, cell.",
        "no snapshots",
        "session_date strategy_id >equity >cash >daily_return >cumulative_return >drawdown "
        ">cell >held_cell trend vol",
    ),
    "journal": Kind(
        "Print the journal: every event, numbered.",
        "the journal is empty",
        ">seq at kind subject >causation_seq",
    ),
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for kind in KINDS:
        app.command(kind)(_command(kind))
    app.command("export")(export)
    app.command("explain")(explain)


def _command(kind: str) -> Callable[..., None]:
    def command(
        session: Session = None,
        limit: Limit = 20,
        since: Since = None,
        db: Db = None,
        config: Config = None,
        as_json: Json = False,
    ) -> None:
        from tui.commands.output import print_json, print_table

        found = read(kind, session=session, limit=limit, since=since, path=database_of(db, config))
        if as_json:
            print_json(found)
        else:
            print_table(found, _columns(kind), empty=KINDS[kind].empty)

    command.__doc__ = f"""{KINDS[kind].says}

    Prints the newest rows, the oldest of them first.

    \b
    Examples:
      pilothouse {kind}
      pilothouse {kind} --since 2018-01-02 --limit 100 --json
    """
    return command


def _columns(kind: str) -> list[Any]:
    from tui.commands.output import Column

    return [
        Column(name.lstrip(">"), name.lstrip(">"), name.startswith(">"))
        for name in KINDS[kind].columns.split()
    ]


# -- export --------------------------------------------------------------------------------


def export(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="One of " + ", ".join(KINDS) + ".")],
    output: Annotated[
        Path,
        typer.Option("--output", metavar="FILE", readable=False, help="A new .csv or .json file."),
    ],
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    session: Session = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", metavar="N", parser=whole(1, MOST_ROWS), help="Newest rows; else all."
        ),
    ] = None,
    since: Since = None,
    db: Db = None,
    config: Config = None,
) -> None:
    """Write rows to a file, .csv or .json by its ending.

    In a CSV file a text that begins with = + - or @ gets a leading ', so that a spreadsheet
    does not run it.

    \b
    Examples:
      pilothouse export trades --output fills.csv
      pilothouse export journal --output journal.json --session 1b2c3d4e --force
    """
    from tui.commands.output import narrate

    if kind not in KINDS:
        raise typer.BadParameter(f"{kind!r} is not one of {', '.join(KINDS)}", param_hint="KIND")
    if output.suffix not in (".csv", ".json"):
        raise typer.BadParameter(f"{output} ends neither in .csv nor .json", param_hint="--output")
    if output.exists() and not force:
        raise typer.BadParameter(f"{output} exists; --force replaces it", param_hint="--output")
    found = read(kind, session=session, limit=limit, since=since, path=database_of(db, config))
    path = database_of(db, config)
    text = json_text(found) if output.suffix == ".json" else csv_text(found, columns(kind, path))
    write_new(output, text, force=force)
    narrate(f"{len(found)} rows of {kind} written to {output}")


def write_new(path: Path, text: str, *, force: bool) -> None:
    """Write a file in one step: nobody sees half of it, nothing is replaced by accident."""
    from engine.errors import SettingsError

    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        temporary.write_text(text, encoding="utf-8")
        if force:
            temporary.replace(path)
        else:
            os.link(temporary, path)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def json_text(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows as one ASCII-escaped JSON document."""
    import json

    from tui.commands.output import plain

    return json.dumps(plain(rows), indent=2, allow_nan=False) + "\n"


def csv_text(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> str:
    """Return rows as CSV with a header, also where there are no rows."""
    import csv
    import io

    if not names:
        return ""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: csv_cell(value) for key, value in row.items()} for row in rows)
    return text.getvalue()


def csv_cell(value: Any) -> Any:
    """Return a value as a spreadsheet may have it: text can never be a formula."""
    if isinstance(value, dict | list):
        import json

        value = json.dumps(value, sort_keys=True, separators=(",", ":"))
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value


# -- explain -------------------------------------------------------------------------------


def explain(
    subject: Annotated[str, typer.Argument(metavar="ID", help="An order, signal or fill.")],
    db: Db = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Print the whole chain behind an order, signal or fill, oldest first.

    \b
    Examples:
      pilothouse explain sig_2c400c04acd7
      pilothouse explain ord_01KAFR2Z9R9SG5F3C9VJ4XG1TB --json
    """
    from engine.errors import SettingsError
    from storage.connect import reading
    from storage.queries.chain import explain as chain_of
    from tui.commands.explain import document, print_chain
    from tui.commands.output import print_json

    with reading(database_of(db, config)) as database:
        if database is None:
            raise SettingsError(f"{subject}: there is no database yet, so there is no such id")
        chain = chain_of(database, subject)
    if as_json:
        print_json(document(chain))
    else:
        print_chain(chain)
