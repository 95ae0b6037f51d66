"""schedule and config: what comes, what is set; params, db and doctor beside them."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tui.commands import db, params
from tui.commands.doctor import doctor
from tui.commands.options import Commands, Config, Db, Json, Limit

if TYPE_CHECKING:
    from engine.settings.model import Settings

Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Try a setting, section.key; repeat."),
]

config_app = typer.Typer(cls=Commands, help="The settings in force.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    config_app.command("show")(config_show)
    config_app.command("check")(config_check)
    app.add_typer(config_app, name="config")
    app.add_typer(db.app, name="db")
    app.add_typer(params.app, name="params")
    app.command("schedule")(schedule)
    app.command("doctor")(doctor)


# -- config --------------------------------------------------------------------------------


def config_show(
    sets: Set = None, database: Db = None, config: Config = None, as_json: Json = False
) -> None:
    """Print every setting in force and where it comes from, secrets masked.

    \b
    Examples:
      pilothouse config show
      pilothouse config show --set sim.slippage_bps=5 --json
    """
    from tui.commands.output import Column, print_json, print_table, say

    settings = _settings(sets, database, config)
    values, origins = settings.effective(), settings.origins()
    if as_json:
        keys = {key: {"value": values[key], "origin": origins[key]} for key in values}
        print_json({"config_hash": settings.config_hash, "settings": keys})
        return
    columns = (Column("key", "setting"), Column("value", "value"), Column("origin", "origin"))
    rows = [{"key": key, "value": values[key], "origin": origins[key]} for key in values]
    print_table(rows, columns, empty="no settings")
    say(f"config hash {settings.config_hash}")


def config_check(
    sets: Set = None, database: Db = None, config: Config = None, as_json: Json = False
) -> None:
    """Check the settings of every origin; exit 2 lists all that is wrong.

    \b
    Examples:
      pilothouse config check
      pilothouse config check --config new.toml
    """
    from engine.domain.session import Mode
    from engine.strategy import registry
    from engine.strategy.base import contested
    from tui.commands.output import print_json, say

    settings = _settings(sets, database, config)
    if settings.run.mode in (Mode.PAPER, Mode.LIVE):
        from engine.brokers.ibkr.terms import terms_of

        terms_of(settings)
    known = [name for name in settings.run.strategy if name != "script"]  # its file says what
    warnings: list[str] = []
    if not settings.sessions.share_instruments:
        made = [registry.create(settings.strategy(name)) for name in known]
        warnings = [*contested(made).values()]
    if as_json:
        print_json({"ok": True, "config_hash": settings.config_hash, "warnings": warnings})
        return
    say(f"the settings are in order, config hash {settings.config_hash}")
    for warning in warnings:
        say(f"warning: {warning}")


def _settings(sets: list[str] | None, database: Path | None, config: Path | None) -> "Settings":
    from tui.commands.starting import flags, settings_of

    return settings_of(flags(("--db", "storage.path", database), sets=sets), config)


# -- schedule ------------------------------------------------------------------------------


def schedule(
    limit: Limit = 20, database: Db = None, config: Config = None, as_json: Json = False
) -> None:
    """Print the next slots and jobs with exchange time and local time.

    \b
    Examples:
      pilothouse schedule
      pilothouse schedule --limit 5 --json
    """
    from zoneinfo import ZoneInfo

    from engine.domain.session import Slot
    from engine.runtime.clock import SystemClock
    from engine.schedule.calendar import AlwaysCalendar, ExchangeCalendar, year_ahead
    from engine.schedule.slots import upcoming
    from engine.strategy.parameter import SLOT_KEY
    from tui.commands.output import Column, print_json, print_table

    settings = _settings(None, database, config)
    now = SystemClock().wall()
    today = now.date()
    calendar = (
        AlwaysCalendar()
        if settings.market.calendar == "always"
        else ExchangeCalendar(
            settings.market.calendar,
            today - timedelta(days=30),
            year_ahead(today),
            settings.market.calendar_overrides,
        )
    )
    slots = {
        name: Slot(settings.strategy(name).texts[SLOT_KEY])
        for name in settings.run.strategy
        if SLOT_KEY in settings.strategy(name).texts
    }
    zone = ZoneInfo(calendar.zone)
    rows = [
        {
            "at": due.at,
            "exchange": f"{due.at.astimezone(zone):%Y-%m-%d %H:%M %Z}",
            "local": f"{due.at.astimezone():%Y-%m-%d %H:%M %Z}",
            "session_date": due.session_date,
            "name": due.name,
            "slot": None if due.slot is None else due.slot.value,
        }
        for due in upcoming(calendar, now, limit, slots)
    ]
    if as_json:
        print_json({"calendar": calendar.name, "as_of": now, "due": rows})
        return
    columns = (
        Column("exchange", "exchange time"),
        Column("local", "local time"),
        Column("session_date", "session"),
        Column("name", "what"),
        Column("slot", "slot"),
    )
    print_table(
        [{**row, "slot": row["slot"] or ""} for row in rows], columns, empty="nothing is due"
    )
