"""panic: cancel everything at the broker, from a process of its own.

It reads no more of the settings than it needs, and writes to the database only if it can: what
is broken must not stand in its way.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from tui.commands.options import Config, Confirm, Db, Json
from tui.commands.reading import database_of

REASON = "panic"
LEAVE_WITHIN_MS = 500
KEYS = "host", "port", "client_id"
NO_ANSWER, FINDINGS = 4, 7


class Place(NamedTuple):
    """Where the gateway is, and the client id of our orders."""

    host: str
    port: int
    client_id: int


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("panic")(panic)


def panic(
    confirm: Confirm = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="ibkr.host, ibkr.port, ibkr.client_id."),
    ] = None,
    db: Db = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Cancel every order of the account at the broker, also those entered by hand; then halt.

    A process of its own that speaks to the gateway directly: it works when the engine hangs, when
    none runs, and when the database is broken. Orders of other programs and stops that protect
    positions are cancelled as well. Exit 0 when none is left, 7 when some are, 4 when the gateway
    is out of reach.

    \b
    Examples:
      pilothouse panic --confirm
      pilothouse panic --confirm --set ibkr.port=4002
    """
    from engine.brokers.panic import WARNING, Ended
    from engine.brokers.panic import panic as ask
    from engine.errors import SafetyRefusal
    from tui.commands.output import narrate, print_json, say

    if not confirm:
        raise SafetyRefusal(f"panic {WARNING}; it needs --confirm")
    narrate(f"panic {WARNING}")
    tell = narrate if as_json else say
    halted, database = _halt(db, config)
    tell(halted)
    place = _place(settings or [], config, database)
    outcome = ask(place.host, place.port, place.client_id + 2, tell)
    if as_json:
        print_json(
            {
                "gateway": f"{place.host}:{place.port}",
                "halt": halted,
                "result": outcome.ended.value,
                "text": outcome.text,
                "left": list(outcome.left),
            }
        )
    else:
        say(outcome.text)
    codes = {Ended.NONE_LEFT: 0, Ended.UNANSWERED: NO_ANSWER}
    raise typer.Exit(codes.get(outcome.ended, FINDINGS))


def _halt(db: Path | None, config: Path | None) -> tuple[str, Path | None]:
    """Leave a halt request where an engine finds it; say what came of it."""
    from engine.domain.request import Request, RequestKind
    from engine.runtime.clock import SystemClock
    from engine.runtime.ids import SystemIds, request_id
    from storage.controls import SqliteRequestBox
    from tui import terminal

    database: Path | None = None
    try:
        database = database_of(db, config)
        now = SystemClock().wall()
        wish = Request(
            request_id=request_id(now, SystemIds().bits(80)),
            kind=RequestKind.HALT,
            actor=terminal.actor(),
            reason=REASON,
            args={},
            asked_at=now,
        )
        with SqliteRequestBox(database, busy_timeout_ms=LEAVE_WITHIN_MS) as box:
            box.ask(wish)
    except Exception as error:  # noqa: BLE001  nothing may stop the cancel
        return f"no halt request could be left: {error}{_signaled(database)}", database
    return f"a halt request is left for the engine at {database}", database


def _signaled(database: Path | None) -> str:
    """Tell a running engine by signal; return what to say about it."""
    import os
    import signal

    from engine.runtime.holder import running

    try:
        holder = None if database is None else running(database)
        if holder is None:
            return ""
        os.kill(holder.pid, signal.SIGUSR1)
    except Exception as error:  # noqa: BLE001  nothing may stop the cancel
        return f"; nor could an engine be told by signal: {error}"
    return f"; pid {holder.pid} was told by signal"


def _place(sets: list[str], config: Path | None, database: Path | None) -> Place:
    """Return where the gateway is: from the settings, else from the newest session's."""
    from engine.errors import SettingsError
    from tui.commands.starting import flags, settings_of

    given = flags(sets=sets)
    try:
        ibkr = settings_of(given, config).ibkr
        found: dict[str, Any] = {"host": ibkr.host, "port": ibkr.port, "client_id": ibkr.client_id}
    except SettingsError:  # something else is wrong in there: these three keys are enough
        found = _plainly({flag.key: flag.text for flag in given}, config)
    if found.get("port") is None:
        found |= _of_session(database)
    try:
        return Place(
            str(found.get("host") or "127.0.0.1"),
            int(found["port"]),
            int(found.get("client_id") or 17),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise SettingsError(
            "ibkr.port: missing; panic needs it, such as --set ibkr.port=4002"
        ) from error


def _plainly(sets: Mapping[str, str], config: Path | None) -> dict[str, Any]:
    """Read the keys alone, the strongest origin first; what cannot be read is passed over."""
    import os

    from engine.errors import SettingsError
    from engine.settings.places import config_files, read_toml

    tables: list[Mapping[str, Any]] = [
        {key: sets[f"ibkr.{key}"] for key in KEYS if f"ibkr.{key}" in sets},
        {
            key: os.environ[name]
            for key in KEYS
            if (name := f"PILOTHOUSE_IBKR__{key.upper()}") in os.environ
        },
    ]
    try:
        files = config_files(config)
    except SettingsError:
        files = config_files(None)
    for file in files:
        try:
            table = read_toml(file).get("ibkr", {})
        except SettingsError:
            continue
        tables.append(table if isinstance(table, dict) else {})
    return {key: table[key] for table in reversed(tables) for key in KEYS if key in table}


def _of_session(database: Path | None) -> dict[str, Any]:
    """Return what the newest session at a broker ran with, nothing if that cannot be read."""
    from storage.connect import reading
    from storage.queries.listing import settings_at_broker

    if database is None:
        return {}
    try:
        with reading(database) as connection:
            config = {} if connection is None else settings_at_broker(connection)
        return {key: config[f"ibkr.{key}"] for key in KEYS if f"ibkr.{key}" in config}
    except Exception:  # noqa: BLE001  a broken database must not stand in the way
        return {}
