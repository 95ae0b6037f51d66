"""What a run needs before it begins; no word here of the library that reads command lines.

`pilothouse` with the options that are written plainly comes here without it (see quick.py): a
tenth of the time to the first paint.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.settings.model import Settings
    from engine.settings.sources import Flag

Value = str | Path | bool | None

RUN_KEYS = {
    "--mode": "run.mode",
    "--strategy": "run.strategy",
    "--preset": "preset",
    "--from": "run.from",
    "--to": "run.to",
    "--data": "run.data",
    "--fill": "sim.fill",
    "--pace": "run.pace",
    "--capital": "run.capital",
    "--db": "storage.path",
    "--dry-run": "run.dry_run",
    "--read-only": "screen.read_only",
    "--ascii": "screen.ascii",
}
"""The settings that the options of `run` mean."""


def start(
    options: Mapping[str, Value],
    *,
    config: Path | None,
    sets: list[str] | None = None,
    no_ui: bool = False,
    confirmed: bool = False,
) -> int:
    """Run the engine, with its screen or without; return the exit code. options: of RUN_KEYS."""
    given = flags(*((name, key, options.get(name)) for name, key in RUN_KEYS.items()), sets=sets)
    if not no_ui:
        require_terminal("; use --no-ui to run without a screen")
    loaded = _as_fast_as_it_goes(settings_of(given, config), given, config)
    _refuse_recorded(loaded, options)
    refuse_modes(loaded, confirmed=confirmed)
    with logged(loaded) as ended:
        if no_ui:
            from tui.headless import run_headless

            return ended(run_headless(loaded))
        from tui.app import run_app

        return ended(run_app(loaded))


RECORDED = ("--from", "--to", "--data", "--fill", "--pace")


def _refuse_recorded(settings: "Settings", options: Mapping[str, Value]) -> None:
    """Refuse options of recorded data where the broker gives market and clock (exit 2)."""
    from engine.domain.session import Mode
    from engine.errors import SettingsError

    mode = settings.run.mode
    if mode not in (Mode.PAPER, Mode.LIVE):
        return
    given = {name: options.get(name) for name in RECORDED}
    wrong = [
        f"{name} = {value}: in mode {mode.value} market and clock are the broker's; "
        "allowed with mode offline and backtest"
        for name, value in given.items()
        if value and (name, value) != ("--pace", "realtime")
    ]
    if wrong:
        raise SettingsError(wrong)


def _as_fast_as_it_goes(
    settings: "Settings", given: "list[Flag]", config: Path | None
) -> "Settings":
    """Return the settings with pace max for a backtest whose pace nobody has set."""
    from engine.domain.session import Mode
    from engine.settings.model import DEFAULT

    if settings.run.mode is not Mode.BACKTEST or settings.origin("run.pace") != DEFAULT:
        return settings
    pace = flags(("mode backtest", "run.pace", "max"), sets=None)
    return settings_of([*pace, *given], config)


def flags(*given: tuple[str, str, Value], sets: list[str] | None) -> "list[Flag]":
    """Return the settings that flags mean, each (flag, key, value); None says nothing."""
    from engine.settings.sources import Flag

    found = []
    for text in sets or []:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            from typer import BadParameter

            raise BadParameter(f"{text!r} is not KEY=VALUE", param_hint="--set")
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


def require_terminal(otherwise: str = "") -> None:
    """Refuse a screen where there is no terminal to show it on; never fall back silently.

    otherwise: what can be done without one.
    """
    import os

    from engine.errors import SettingsError
    from tui.terminal import unfit

    why = unfit(os.environ, stdin=sys.stdin.isatty(), stdout=sys.stdout.isatty())
    if why is not None:
        raise SettingsError(why + otherwise)


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
        with log.hearing():
            yield ended
    except Exception as error:
        log.write("stopped", **run, exc_info=error)
        raise
    finally:
        log.close()
