"""doctor: everything a bug report needs, with a verdict per line."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from tui.commands.options import Config, Db, Json
from tui.commands.reading import database_of

if TYPE_CHECKING:
    from engine.settings.model import Settings

OK, NOTE, LOOK, BAD = "ok", "note", "look", "BAD"

PACKAGES = (
    "pilothouse", "aiosqlite", "exchange_calendars", "filelock", "ib_insync", "numpy", "pandas",
    "pydantic", "pydantic-settings", "rich", "textual", "typer", "tzdata",
)  # fmt: skip

GIB = 2**30
FREE_MIN = GIB  # below it the engine warns; see behaviours.md 15
FINDINGS = 7


class Line(NamedTuple):
    """One thing looked at."""

    item: str
    verdict: str
    text: str


def doctor(
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting, such as ibkr.port=4002."),
    ] = None,
    db: Db = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Check everything a bug report needs; exit 7 if a line wants to be looked at.

    A broker's gateway is asked only in mode paper or live, or when ibkr.port is set; everything
    else needs no network.

    \b
    Examples:
      pilothouse doctor
      pilothouse doctor --json > report.json
      pilothouse doctor --set run.mode=paper --set ibkr.port=4002 --set ibkr.account=DU0000001
    """
    from tui.commands.output import Column, print_json, print_table

    lines = list(examine(db, config, settings))
    if as_json:
        print_json([line._asdict() for line in lines])
    else:
        columns = (Column("verdict", "verdict"), Column("item", "item"), Column("text", "found"))
        print_table([line._asdict() for line in lines], columns, empty="nothing examined")
    if any(line.verdict in (LOOK, BAD) for line in lines):
        raise typer.Exit(FINDINGS)


def examine(db: Path | None, config: Path | None, sets: list[str] | None = None) -> Iterator[Line]:
    """Yield a line for each thing; what goes wrong while looking is a line too."""
    yield from _python()
    line, settings = _settings(db, config, sets)
    yield line
    try:
        database = database_of(db, config)
    except Exception as error:  # noqa: BLE001  whatever it is, it belongs into the report
        yield Line("database", BAD, str(error))
        return
    yield from _guarded("engine", lambda: _engine(database))
    yield from _guarded("database", lambda: _database(database))
    yield from _guarded("request file", lambda: _requests(database))
    yield from _guarded("disk", lambda: _disk(database))
    yield from _guarded("calendar", _calendar)
    yield _terminal()
    if settings is not None:
        yield from _broker(settings)


def _guarded(item: str, look: Callable[[], Line]) -> Iterator[Line]:
    try:
        yield look()
    except Exception as error:  # noqa: BLE001  whatever it is, it belongs into the report
        yield Line(item, BAD, f"{type(error).__name__}: {error}")


def _python() -> Iterator[Line]:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from storage.connect import sqlite_version

    fine = sys.version_info >= (3, 11)
    yield Line("python", OK if fine else BAD, f"{platform.python_version()} {platform.platform()}")
    yield Line("sqlite", OK, sqlite_version())
    for name in PACKAGES:
        try:
            yield Line(name, OK, version(name))
        except PackageNotFoundError:
            yield Line(name, BAD, "not installed")
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo("America/New_York")
        ZoneInfo("US/Eastern")
    except ZoneInfoNotFoundError as error:
        yield Line("time zones", BAD, f"{error}: install tzdata")
    else:
        yield Line("time zones", OK, "America/New_York and US/Eastern are known")


def _broker(settings: "Settings") -> Iterator[Line]:
    """Ask the gateway, where there is one to be asked."""
    from engine.domain.session import Mode
    from tui.commands.examination import examined

    if settings.ibkr.port is None and settings.run.mode not in (Mode.PAPER, Mode.LIVE):
        return
    try:
        for seen in examined(settings):
            yield Line(*seen)
    except Exception as error:  # noqa: BLE001  whatever it is, it belongs into the report
        yield Line("broker", BAD, f"{type(error).__name__}: {error}")


def _settings(
    db: Path | None, config: Path | None, sets: list[str] | None
) -> "tuple[Line, Settings | None]":
    from engine.errors import SettingsError
    from engine.settings.places import config_files
    from tui.commands.starting import flags, settings_of

    try:
        loaded = settings_of(flags(("--db", "storage.path", db), sets=sets), config)
    except SettingsError as error:
        return Line("settings", BAD, "; ".join(error.findings)), None
    files = ", ".join(str(path) for path in config_files(config)) or "no file, all defaults"
    return Line("settings", OK, f"hash {loaded.config_hash}, {files}"), loaded


def _engine(database: Path) -> Line:
    from engine.runtime.holder import running

    holder = running(database)
    if holder is None:
        return Line("engine", OK, "none runs")
    return Line("engine", OK, f"pid {holder.pid}, session {holder.session_id}, {holder.since}")


def _database(database: Path) -> Line:
    if not database.exists():
        return Line("database", OK, f"{database} does not exist yet")
    from storage.start import check

    lost = check(database)
    size = database.stat().st_size / 1e6
    text = f"{database}, {size:.1f} MB"
    return Line("database", LOOK if lost else OK, f"{text}, {lost}" if lost else text)


def _requests(database: Path) -> Line:
    from tui.commands.standing import waiting_requests

    waiting = waiting_requests(database)
    text = ", ".join(f"{one.kind.value} by {one.actor}" for one in waiting)
    return Line("request file", LOOK if waiting else OK, text or "nothing waits")


def _disk(database: Path) -> Line:
    import shutil

    folder = next(path for path in database.absolute().parents if path.exists())
    free = shutil.disk_usage(folder).free
    writable = os.access(folder, os.W_OK)
    text = f"{folder}: {free / GIB:.1f} GiB free" + ("" if writable else ", not writable")
    return Line("disk", OK if free >= FREE_MIN and writable else BAD, text)


def _calendar() -> Line:
    from engine.runtime.clock import SystemClock
    from engine.schedule.calendar import ExchangeCalendar, year_ahead

    today = SystemClock().wall().date()
    calendar = ExchangeCalendar("XNYS", today, year_ahead(today))
    ahead = calendar.next_session(today)
    return Line("calendar", OK, f"XNYS known to {calendar.last}, next session {ahead}")


def _terminal() -> Line:
    import shutil

    from tui.terminal import unfit

    why = unfit(os.environ, stdin=sys.stdin.isatty(), stdout=sys.stdout.isatty())
    size = shutil.get_terminal_size()
    text = f"TERM {os.environ.get('TERM', '')}, {size.columns}x{size.lines}, {sys.stdout.encoding}"
    return Line("terminal", OK if why is None else NOTE, text if why is None else f"{text}: {why}")
