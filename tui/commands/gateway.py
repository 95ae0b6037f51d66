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


@app.callback()
def gateway(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="A loopback address.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="PORT", parser=whole(0, 65535), help="0 takes a free one.")
    ] = 4102,
    account: Annotated[str, typer.Option(help="The one account.")] = "DU0000001",
    cash: Annotated[str, typer.Option(metavar="USD", help="What it begins with.")] = "100000",
    seed: Annotated[
        int, typer.Option(metavar="N", parser=whole(), help="The same seed, the same market.")
    ] = 7,
    speed: Annotated[float, typer.Option(min=0, help="Market seconds a second; 0: stepped.")] = 1.0,
    start: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="2026-11-20T14:30:00Z; else now.")
    ] = None,
    server_version: Annotated[
        int, typer.Option(metavar="N", parser=whole(151, 178), help="The highest spoken.")
    ] = 178,
    master: Annotated[
        int | None,
        typer.Option("--master-client", metavar="ID", parser=whole(), help="Hears of all orders."),
    ] = None,
    bars: Annotated[
        Path | None,
        typer.Option(metavar="DIR", readable=False, help="Recorded daily bars, <SYMBOL>.csv."),
    ] = None,
    script: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", readable=False, help="Quotes in time: at,symbol,bid,ask,last."
        ),
    ] = None,
    faults: Annotated[
        Path | None,
        typer.Option(metavar="FILE", readable=False, help="A fault script, TOML with [[fault]]."),
    ] = None,
    control_port: Annotated[
        int, typer.Option(metavar="PORT", parser=whole(0, 65535), help="0 takes a free one.")
    ] = 0,
    state: Annotated[
        Path | None,
        typer.Option(metavar="FILE", readable=False, help="Orders and account are kept here."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No line per client.")] = False,
    json_log: Annotated[
        Path | None,
        typer.Option(metavar="FILE", readable=False, help="Every frame, readable, one a line."),
    ] = None,
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
    control_port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT", parser=whole(1, 65535), help="Else that of the running gateway."
        ),
    ] = None,
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
