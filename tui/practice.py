"""The practice gateway as a process: wired, told of on the terminal, ended by a signal."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from engine.brokers.practice.control import Control
from engine.brokers.practice.faults import parse_faults
from engine.brokers.practice.feed import Scripted
from engine.brokers.practice.gateway import PracticeGateway
from engine.brokers.practice.model import Fault
from engine.brokers.practice.script import read_script
from engine.brokers.practice.server.record import Record
from engine.brokers.practice.venue import PracticeVenue
from engine.domain.market import Bar
from engine.errors import SettingsError
from engine.market.files import load_folder
from engine.market.quality import NO_BANDS
from engine.runtime.clock import SystemClock
from engine.schedule.calendar import FIRST, ExchangeCalendar, year_ahead
from engine.settings.places import read_toml, state_folder

T = TypeVar("T")

SAVE_S = 5.0
TICK_S = 0.1
SPEED_OF_FINE_TICKS = 20.0
"""Up to this speed the market moves ten times a second; above it less often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A gateway as the command line asks for it."""

    host: str
    port: int
    account: str
    cash: Decimal
    seed: int
    speed: float
    start: datetime | None  # None: now, when all is loaded
    server_version: int
    master: int | None
    bars: Path | None
    script: Path | None
    faults: Path | None
    control_port: int
    state: Path | None
    json_log: Path | None


def place() -> Path:
    """Return the file in which a running gateway says where its control port is."""
    return state_folder() / "gateway.json"


def run(
    wanted: Wanted, listening: Callable[[dict[str, Any]], None], tell: Callable[[str], None]
) -> None:
    """Run a gateway until a signal or the control port ends it.

    listening: is told host, port, control port and account, once. tell: takes a line an event.
    """
    asyncio.run(_serve(wanted, listening, tell))


async def _serve(
    wanted: Wanted, listening: Callable[[dict[str, Any]], None], tell: Callable[[str], None]
) -> None:
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, done.set)
    faults = _faults(wanted.faults)
    async with contextlib.AsyncExitStack() as stack:
        record = stack.enter_context(_record(wanted.json_log)) if wanted.json_log else None
        gateway = PracticeGateway(
            host=wanted.host,
            port=wanted.port,
            speed=wanted.speed,
            server_version=wanted.server_version,
            master=wanted.master,
            record=record,
            tell=tell,
            venue=_venue(wanted),
        )
        state = wanted.state
        if state is not None:
            _checked(state, lambda: _write(state, gateway.state()))
        await stack.enter_async_context(gateway)
        _checked(wanted.faults, lambda: [gateway.add_fault(fault) for fault in faults])
        control = Control(gateway, done.set)
        await control.open(wanted.control_port)
        stack.push_async_callback(control.close)
        where = {
            "host": gateway.host,
            "port": gateway.port,
            "control_port": control.port,
            "account": gateway.account,
        }
        _announce(where, tell)
        stack.callback(_withdraw)
        listening(where)
        await _until(done, gateway, wanted.state, tell)


def _announce(where: Mapping[str, Any], tell: Callable[[str], None]) -> None:
    """Leave word of the control port for `gateway fault`; the newest gateway's word holds."""
    try:
        _write(place(), {**where, "pid": os.getpid()})
    except OSError as error:
        tell(f"{place()}: {error.strerror}; gateway fault needs --control-port")


def _withdraw() -> None:
    with contextlib.suppress(OSError, ValueError, KeyError):
        if json.loads(place().read_text(encoding="utf-8"))["pid"] == os.getpid():
            place().unlink()


async def _until(
    done: asyncio.Event, gateway: PracticeGateway, state: Path | None, tell: Callable[[str], None]
) -> None:
    """Wait for the end; keep what survives in its file."""
    try:
        while not done.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), SAVE_S)
            _keep(state, gateway, tell)
    finally:
        _keep(state, gateway, tell)


def _keep(state: Path | None, gateway: PracticeGateway, tell: Callable[[str], None]) -> None:
    if state is None:
        return
    try:
        _write(state, gateway.state())
    except OSError as error:
        tell(f"{state}: {error.strerror or error}; what happens is not kept")


def _venue(wanted: Wanted) -> PracticeVenue:
    latest = max(wanted.start or _now(), _now())
    calendar = ExchangeCalendar("XNYS", FIRST, year_ahead(latest.date()))
    bars = _bars(wanted, calendar)
    start = wanted.start or _now()
    venue = PracticeVenue(
        start=start,
        calendar=calendar,
        seed=wanted.seed,
        account=wanted.account,
        cash=wanted.cash,
        tick_s=tick_s(wanted.speed),
        bars=bars,
        script=_script(wanted, start),
    )
    path = wanted.state
    if path is not None and _checked(path, path.exists):
        _checked(path, lambda: venue.restore(json.loads(path.read_text(encoding="utf-8"))))
    return venue


def _now() -> datetime:
    return SystemClock().wall()


def tick_s(speed: float) -> float:
    """Return how often the market moves, in its own seconds: a fast clock has coarser ticks."""
    return TICK_S * max(1, round(speed / SPEED_OF_FINE_TICKS))


def _bars(wanted: Wanted, calendar: ExchangeCalendar) -> dict[str, tuple[Bar, ...]] | None:
    if wanted.bars is None:
        return None
    history = load_folder(wanted.bars, calendar, _now(), bands=NO_BANDS)
    return {
        history.instruments[key].symbol: tuple(series.bars)
        for key, series in history.series.items()
    }


def _script(wanted: Wanted, start: datetime) -> Sequence[Scripted]:
    if wanted.script is None:
        return ()
    path = wanted.script
    return _checked(path, lambda: read_script(path.read_text(encoding="utf-8"), start, str(path)))


def _faults(path: Path | None) -> list[Fault]:
    return [] if path is None else _checked(path, lambda: parse_faults(read_toml(path)))


def _record(path: Path) -> Record:
    return _checked(path, lambda: Record(path))


def _checked(path: Path | None, read: Callable[[], T]) -> T:
    """Do something with a file; what is wrong with it is told with its name."""
    try:
        return read()
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        text = str(error)
        raise SettingsError(text if str(path) in text else f"{path}: {text}") from error


def _write(path: Path, document: Any) -> None:
    """Replace a file as a whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.write_text(json.dumps(document, indent=1), encoding="utf-8")
    draft.replace(path)
