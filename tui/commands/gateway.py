"""gateway: the practice TWS gateway on loopback, and faults for a running one."""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any

import typer

from tui.commands.options import Commands, Config, Db, Json, whole

app = typer.Typer(
    cls=Commands, invoke_without_command=True, context_settings={"max_content_width": 100}
)

NAMES = "host", "port", "control_port", "account"


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="gateway")


def _file(says: str, kind: str = "FILE") -> Any:
    return typer.Option(metavar=kind, readable=False, help=says)


def _number(name: str, says: str, at_least: int | None = None, at_most: int | None = None) -> Any:
    return typer.Option(name, metavar="N", parser=whole(at_least, at_most), help=says)


Host = Annotated[str, typer.Option(metavar="ADDRESS", help="A loopback address.")]
Speed = Annotated[float, typer.Option(min=0, help="Market seconds a second; 0: stepped.")]
Start = Annotated[
    str | None, typer.Option(metavar="INSTANT", help="2026-11-20T14:30:00Z; else now.")
]
Port = Annotated[int, _number("--port", "0 takes a free one.", 0, 65535)]
ControlPort = Annotated[int, _number("--control-port", "0 takes a free one.", 0, 65535)]
RunningPort = Annotated[
    int | None, _number("--control-port", "Else that of the running gateway.", 1, 65535)
]
Seed = Annotated[int, _number("--seed", "The same seed, the same market.")]
Version = Annotated[int, _number("--server-version", "The highest spoken.", 151, 178)]
Master = Annotated[int | None, _number("--master-client", "Hears of all orders.")]


@app.callback()
def gateway(
    context: typer.Context,
    host: Host = "127.0.0.1",
    port: Port = 4102,
    account: Annotated[str, typer.Option(help="The one account.")] = "DU0000001",
    cash: Annotated[str, typer.Option(metavar="USD", help="What it begins with.")] = "100000",
    seed: Seed = 7,
    speed: Speed = 1.0,
    start: Start = None,
    server_version: Version = 178,
    master: Master = None,
    bars: Annotated[Path | None, _file("Recorded daily bars, <SYMBOL>.csv.", "DIR")] = None,
    script: Annotated[Path | None, _file("Quotes in time: at,symbol,bid,ask,last.")] = None,
    faults: Annotated[Path | None, _file("A fault script, TOML with [[fault]].")] = None,
    control_port: ControlPort = 0,
    state: Annotated[Path | None, _file("Orders and account are kept here.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No line per client.")] = False,
    json_log: Annotated[Path | None, _file("Every frame, readable, one a line.")] = None,
    as_json: Json = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Run a practice TWS gateway on loopback: any TWS API program trades against it.

    Orders, fills and prices are invented; no account is needed and none can be harmed. One line
    tells host, port, control port and account when it listens; Ctrl-C ends it.

    \b
    Examples:
      pilothouse gateway
      pilothouse gateway --start 2026-11-20T14:30:00Z --speed 60 --json-log frames.jsonl
      pilothouse gateway fault drop_socket client=17 on=ack
    """
    if context.invoked_subcommand is not None:
        return
    from tui.commands.output import narrate, print_json, say
    from tui.practice import Wanted, run

    wanted = Wanted(
        host=host, port=port, account=_account(account), cash=_money(cash), seed=seed, speed=speed,
        start=_instant(start), server_version=server_version, master=master, bars=bars,
        script=script, faults=faults, control_port=control_port, state=state, json_log=json_log,
    )  # fmt: skip

    def listening(where: dict[str, Any]) -> None:
        if as_json:
            print_json(where)
        else:
            values = (where[name] for name in NAMES)
            say("practice gateway listens: {} port {}, control port {}, account {}".format(*values))

    run(wanted, listening, (lambda text: None) if quiet else narrate)


@app.command("fault")
def fault(
    name: Annotated[str, typer.Argument(metavar="NAME", help="drop_socket, restart, quote, …")],
    words: Annotated[
        list[str] | None, typer.Argument(metavar="K=V…", help="Parameters, trigger, filters.")
    ] = None,
    control_port: RunningPort = None,
    as_json: Json = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Ask a running practice gateway for a fault.

    \b
    Examples:
      pilothouse gateway fault upstream_lost s=20 data_lost=true
      pilothouse gateway fault drop_socket client=17 on=ack
      pilothouse gateway fault reject code=201 text="No." symbol=QQQ
    """
    from engine.brokers.practice.control import ask
    from engine.errors import BrokerUnreachable, SettingsError
    from tui.commands.output import print_json, say

    given: dict[str, Any] = {}
    for word in words or []:
        key, sign, value = word.partition("=")
        if not (key and sign):
            raise SettingsError(f"'{word}': K=V is needed, such as client=17")
        given[key] = value
    where, at = _where(control_port)
    try:
        answer = ask(where, at, {**given, "op": "fault", "name": name})
    except (OSError, ValueError) as error:
        raise BrokerUnreachable(f"no practice gateway at {where} control port {at}") from error
    if not answer.get("ok"):
        raise SettingsError(str(answer.get("error", "the gateway gave no answer")))
    if as_json:
        print_json({"id": answer["id"], "name": name})
    else:
        say(f"fault {answer['id']}: {name}")


def _where(control_port: int | None) -> tuple[str, int]:
    """Return host and control port of the running gateway."""
    import json

    from engine.errors import BrokerUnreachable
    from engine.settings.places import state_folder

    if control_port is not None:
        return "127.0.0.1", control_port
    path = state_folder() / "gateway.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return str(found["host"]), int(found["control_port"])
    except (OSError, ValueError, KeyError) as error:
        raise BrokerUnreachable(
            "no practice gateway runs: start one, pilothouse gateway"
        ) from error


def _instant(text: str | None) -> datetime | None:
    from engine.errors import SettingsError

    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise SettingsError(f"--start = {text}: an instant is needed, such as 2026-11-20T14:30:00Z")
    return at


def _account(text: str) -> str:
    from engine.errors import SettingsError

    if not (text.isascii() and text.isalnum()):
        raise SettingsError(
            f"--account = {text!r}: letters and digits are needed, such as DU0000001"
        )
    return text


def _money(text: str) -> Decimal:
    from engine.errors import SettingsError

    try:
        number = Decimal(text.replace(",", "").replace("_", ""))
    except InvalidOperation:
        number = Decimal("NaN")
    if not (number.is_finite() and number > 0):
        raise SettingsError(f"--cash = {text}: an amount above zero is needed")
    return number
