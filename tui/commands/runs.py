"""run and backtest: the only commands that start an engine."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from tui.commands.options import Config, Confirm, Db, Json
from tui.commands.starting import Value, flags, logged, settings_of, start

Watch = Callable[[int, int, str], None]

Mode = Annotated[
    str | None,
    typer.Option("--mode", metavar="MODE", help="backtest, offline (default), paper or live."),
]
Strategy = Annotated[
    str | None,
    typer.Option(
        "--strategy",
        metavar="NAMES",
        help="regime (default), crossover, script, manual; with commas.",
    ),
]
Preset = Annotated[
    str | None, typer.Option("--preset", metavar="NAME", help="A named set of parameters.")
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="A parameter, or section.key for any setting; repeat."
    ),
]
From = Annotated[
    str | None, typer.Option("--from", metavar="DATE", help="First session date to trade.")
]
To = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last session date.")]
Data = Annotated[
    str | None,
    typer.Option("--data", metavar="DIR", help="Folder of <SYMBOL>.csv; else the built-in market."),
]
Fill = Annotated[
    str | None,
    typer.Option("--fill", metavar="RULE", help="next_open (default), next_close or same_close."),
]
Capital = Annotated[
    str | None, typer.Option("--capital", metavar="USD", help="Cash of a new book.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Orders end as rows, nothing is sent.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("run")(run)
    app.command("backtest")(backtest)


def run(
    mode: Mode = None,
    strategy: Strategy = None,
    preset: Preset = None,
    settings: Set = None,
    no_ui: Annotated[bool, typer.Option("--no-ui", help="No screen: log lines.")] = False,
    dry_run: DryRun = False,
    confirm: Confirm = False,
    first: From = None,
    last: To = None,
    data: Data = None,
    fill: Fill = None,
    pace: Annotated[
        str | None,
        typer.Option("--pace", metavar="PACE", help="max, realtime or N/s, recorded clock."),
    ] = None,
    capital: Capital = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="A screen that only looks.")
    ] = False,
    ascii_only: Annotated[bool, typer.Option("--ascii", help="No drawing characters.")] = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Run the engine and its screen; `pilothouse` alone is the same.

    \b
    Examples:
      pilothouse run --pace 50/s
      pilothouse run --no-ui --data bars --strategy regime,crossover
      pilothouse run --preset smooth15 --set sma_fast=50 --set sim.slippage_bps=0
    """
    options: dict[str, Value] = {
        "--mode": mode,
        "--strategy": strategy,
        "--preset": preset,
        "--from": first,
        "--to": last,
        "--data": data,
        "--fill": fill,
        "--pace": pace,
        "--capital": capital,
        "--db": db,
        "--dry-run": dry_run,
        "--read-only": read_only,
        "--ascii": ascii_only,
    }
    code = start(options, config=config, sets=settings, no_ui=no_ui, confirmed=confirm)
    raise typer.Exit(code)


def backtest(
    strategy: Strategy = None,
    preset: Preset = None,
    settings: Set = None,
    first: From = None,
    last: To = None,
    data: Data = None,
    fill: Fill = None,
    capital: Capital = None,
    db: Db = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Run over recorded data as fast as it goes and summarise the result.

    \b
    Examples:
      pilothouse backtest --from 2015-01-02 --to 2018-12-31
      pilothouse backtest --data bars --capital 10000 --fill next_close --json
      pilothouse backtest --strategy crossover --set fast=40 --set slow=140
    """
    given = flags(
        ("backtest", "run.mode", "backtest"),
        ("backtest", "run.pace", "max"),
        ("--strategy", "run.strategy", strategy),
        ("--preset", "preset", preset),
        ("--from", "run.from", first),
        ("--to", "run.to", last),
        ("--data", "run.data", data),
        ("--fill", "sim.fill", fill),
        ("--capital", "run.capital", capital),
        ("--db", "storage.path", db),
        sets=settings,
    )
    loaded = settings_of(given, config)
    from tui.wiring import run_session

    with logged(loaded) as ended, progress_bar() as progress:
        outcome = run_session(loaded, progress=progress)
        ended(outcome.exit_code)
    if outcome.result is not None:
        if as_json:
            from tui.commands.output import print_json

            print_json(outcome.result)
        else:
            from tui.commands.result import present_result

            present_result(outcome.result)
    for line in outcome.left_open:
        print(f"left open: {line}", file=sys.stderr)  # noqa: T201  beside the result
    raise typer.Exit(outcome.exit_code)


@contextmanager
def progress_bar() -> Iterator[Watch | None]:
    """Give a function that shows progress on stderr, or None where nobody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(done: int, total: int, text: str) -> None:
            from tui.format import safe

            bar.update(task, completed=done, total=total or None, description=safe(text, 40))

        yield show
