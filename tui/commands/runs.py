"""run and backtest: the only commands that start an engine."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tui.commands.options import Config, Confirm, Db, Json

if TYPE_CHECKING:
    from engine.settings.model import Settings
    from engine.settings.sources import Flag

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
    if mode == "backtest" and pace is None:
        pace = "max"
    given = flags(
        ("--mode", "run.mode", mode),
        ("--strategy", "run.strategy", strategy),
        ("--preset", "preset", preset),
        ("--from", "run.from", first),
        ("--to", "run.to", last),
        ("--data", "run.data", data),
        ("--fill", "sim.fill", fill),
        ("--pace", "run.pace", pace),
        ("--capital", "run.capital", capital),
        ("--db", "storage.path", db),
        ("--dry-run", "run.dry_run", dry_run),
        ("--read-only", "screen.read_only", read_only),
        ("--ascii", "screen.ascii", ascii_only),
        sets=settings,
    )
    if not no_ui:
        require_terminal()
    loaded = settings_of(given, config)
    refuse_modes(loaded, confirmed=confirm)
    with logged(loaded) as ended:
        if no_ui:
            from tui.headless import run_headless

            code = ended(run_headless(loaded))
        else:
            from tui.app import run_app

            code = ended(run_app(loaded))
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


def flags(
    *given: tuple[str, str, str | Path | bool | None], sets: list[str] | None
) -> "list[Flag]":
    """Return the settings that flags mean, each (flag, key, value); None says nothing."""
    from engine.settings.sources import Flag

    found = []
    for text in sets or []:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise typer.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="--set")
        found.append(Flag(f"--set {key.strip()}", key.strip(), value.strip()))
    found += [
        Flag(name, key, "true" if value is True else str(value))
        for name, key, value in given
        if value is not None and value is not False
    ]
    return found


def settings_of(given: "list[Flag]", config: Path | None) -> "Settings":
    """Return the settings in force under these flags."""
    from engine.runtime.clock import SystemClock
    from engine.settings.load import load

    return load(flags=given, named=config, today=SystemClock().wall().date())


def refuse_modes(settings: "Settings", *, confirmed: bool) -> None:
    """Refuse an account of the other kind, and live without its keys (exit 3).

    Ports decide nothing. A missing port or account is a SettingsError. What the broker's login
    manages is compared once it is connected.
    """
    from engine.domain.session import Mode

    mode, account = settings.run.mode, settings.ibkr.account
    if mode not in (Mode.PAPER, Mode.LIVE):
        return
    from engine.brokers.ibkr.link import gate
    from engine.brokers.ibkr.terms import terms_of
    from engine.errors import SafetyRefusal

    is_live = mode is Mode.LIVE
    wrong = account and gate(live=is_live, account=account, managed=[account])
    missing = [wrong[1]] if wrong else []
    if is_live and not settings.live.enabled:
        missing.append("live.enabled = false, true is needed")
    if is_live and not confirmed:
        missing.append("--confirm is not given")
    if missing:
        raise SafetyRefusal(f"--mode {mode.value} is refused: {' and '.join(missing)}")
    terms_of(settings)  # names what is missing before anything is written
    if is_live:
        from tui.commands.first import ask_before_first_order

        ask_before_first_order(settings)


def require_terminal() -> None:
    """Refuse a screen where there is no terminal to show it on; never fall back silently."""
    import os

    from engine.errors import SettingsError
    from tui.terminal import unfit

    why = unfit(os.environ, stdin=sys.stdin.isatty(), stdout=sys.stdout.isatty())
    if why is not None:
        raise SettingsError(why)


@contextmanager
def logged(settings: "Settings") -> Iterator[Callable[[int], int]]:
    """Log a run's beginning, its exit code, or what stopped it."""
    import os

    from tui.log import Log

    log = Log(settings.log.path, max_mb=settings.log.max_mb, keep=settings.log.keep)
    run = {"pid": os.getpid(), "database": str(settings.storage.path)}
    log.write("started", **run, mode=settings.run.mode.value, config_hash=settings.config_hash)

    def ended(code: int) -> int:
        log.write("ended", **run, exit_code=code)
        return code

    try:
        yield ended
    except Exception as error:
        log.write("stopped", **run, exc_info=error)
        raise
    finally:
        log.close()


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
