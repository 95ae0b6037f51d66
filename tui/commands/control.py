"""halt, reduce, resume, pause, continue, flatten, cancel, stop, reconcile: asking an engine.

A command commits one row to the request file and waits a little for the engine's answer. When
`halt` has returned, nothing more is sent. Halt, reduce and resume wait for the next engine if
none runs; the others need one.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from tui.commands.options import Config, Confirm, Db, Json, Reason
from tui.commands.reading import database_of

if TYPE_CHECKING:
    from engine.settings.model import Settings
    from tui.commands.asking import Wish

Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A setting, where no engine runs; repeat."),
]
MayReason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for name, command in (
        ("halt", halt),
        ("reduce", reduce),
        ("resume", resume),
        ("pause", pause),
        ("continue", continue_),
        ("flatten", flatten),
        ("cancel", cancel),
        ("change", change),
        ("stop", stop),
        ("reconcile", reconcile),
    ):
        app.command(name)(command)


# -- trading state -------------------------------------------------------------------------


def halt(reason: Reason, db: Db = None, config: Config = None, as_json: Json = False) -> None:
    """Send nothing more and cancel working entries, now.

    Without an engine it waits for the next one. Asked again, it changes nothing.

    \b
    Examples:
      pilothouse halt --reason "prices look wrong"
    """
    _ask([("HALT", reason, {})], db, config, as_json=as_json)


def reduce(reason: Reason, db: Db = None, config: Config = None, as_json: Json = False) -> None:
    """Let only orders through that reduce exposure.

    \b
    Examples:
      pilothouse reduce --reason "away for a week"
    """
    _ask([("REDUCE", reason, {})], db, config, as_json=as_json)


def resume(reason: Reason, db: Db = None, config: Config = None, as_json: Json = False) -> None:
    """Let all orders through again; leaving HALTED takes a reason.

    \b
    Examples:
      pilothouse resume --reason "the feed is back"
    """
    _ask([("RESUME", reason, {})], db, config, as_json=as_json)


# -- session -------------------------------------------------------------------------------


def pause(
    reason: MayReason = "", db: Db = None, config: Config = None, as_json: Json = False
) -> None:
    """Pause the running session: no entries, exits go on, a recorded clock stands still.

    \b
    Examples:
      pilothouse pause
    """
    _ask([("PAUSE", reason, {})], db, config, as_json=as_json)


def continue_(
    reason: MayReason = "", db: Db = None, config: Config = None, as_json: Json = False
) -> None:
    """Go on with a paused session.

    \b
    Examples:
      pilothouse continue
    """
    _ask([("CONTINUE", reason, {})], db, config, as_json=as_json)


def stop(
    reason: MayReason = "", db: Db = None, config: Config = None, as_json: Json = False
) -> None:
    """End the running session cleanly; exit 0 too where none runs.

    \b
    Examples:
      pilothouse stop
    """
    _ask([("STOP", reason, {})], db, config, as_json=as_json)


# -- orders and positions ------------------------------------------------------------------


def flatten(
    reason: Reason,
    confirm: Confirm = False,
    db: Db = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Close what our strategies own, then halt; quantity of nobody's is not touched.

    \b
    Examples:
      pilothouse flatten --reason "leaving the market" --confirm
    """
    if not confirm:
        from engine.errors import SafetyRefusal

        raise SafetyRefusal("flatten closes every position of our strategies; it needs --confirm")
    _ask([("FLATTEN", reason, {})], db, config, as_json=as_json)


def cancel(
    reason: Reason,
    orders: Annotated[
        list[str] | None, typer.Argument(metavar="ORDER_ID", help="Orders, or their last letters.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every working order.")] = False,
    db: Db = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Cancel working orders of ours.

    \b
    Examples:
      pilothouse cancel ord_01KAFR2Z9R9SG5F3C9VJ4XG1TB --reason "wrong price"
      pilothouse cancel --all --reason "starting over"
    """
    if bool(orders) == everything:
        text = "name orders or give --all, " + ("not both" if everything else "one of the two")
        raise typer.BadParameter(text, param_hint="ORDER_ID")
    wishes: list[Wish] = [("CANCEL", reason, {"order_id": order}) for order in orders or []]
    _ask(wishes or [("CANCEL_ALL", reason, {})], db, config, as_json=as_json)


def change(
    reason: Reason,
    order: Annotated[str, typer.Argument(metavar="ORDER_ID", help="It, or its last letters.")],
    limit: Annotated[str, typer.Option("--limit", metavar="PRICE", help="New limit.")] = "",
    stop_price: Annotated[str, typer.Option("--stop", metavar="PRICE", help="New stop.")] = "",
    quantity: Annotated[
        str,
        typer.Option("--quantity", metavar="SHARES", help="New quantity, with what has filled."),
    ] = "",
    time: Annotated[str, typer.Option("--time", metavar="IOC", help="DAY may become IOC.")] = "",
    db: Db = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Change a working order where it stands; it is what the broker shows then.

    \b
    Examples:
      pilothouse change G1TB --limit 101.50 --reason "closer to the market"
    """
    given = {"limit": limit, "stop": stop_price, "quantity": quantity, "tif": time}
    args = {name: value for name, value in given.items() if value}
    if not args:
        text = "give --limit, --stop, --quantity or --time"
        raise typer.BadParameter(text, param_hint="ORDER_ID")
    _ask([("CHANGE", reason, {"order_id": order, **args})], db, config, as_json=as_json)


def reconcile(
    accept: Annotated[
        str | None, typer.Option("--accept", metavar="ITEM", help="Settle this difference.")
    ] = None,
    settle: Annotated[
        str | None, typer.Option("--settle", metavar="ORDER_ID", help="Settle an UNKNOWN order.")
    ] = None,
    status: Annotated[
        str | None, typer.Option("--as", metavar="STATUS", help="What the order became.")
    ] = None,
    reason: MayReason = "",
    settings: Set = None,
    db: Db = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Compare our ledger with the broker's account now and print the report.

    Through the running engine; without one this process connects with ibkr.client_id, compares
    and sends nothing; what is accepted or settled then needs no broker. Exit 7 with differences,
    4 when the broker did not answer everything.

    \b
    Examples:
      pilothouse reconcile
      pilothouse reconcile --set run.mode=paper --set ibkr.port=4002 --set ibkr.account=DU1234567
      pilothouse reconcile --accept STK:QQQ:USD --reason "bought by hand"
      pilothouse reconcile --settle ord_01KAFR2Z9R9SG5F3C9VJ4XG1TB --as CANCELED --reason "phoned"
    """
    if accept is not None and settle is not None:
        raise typer.BadParameter("one thing at a time: --accept or --settle")
    if (settle is None) != (status is None):
        raise typer.BadParameter("--settle ORDER_ID and --as STATUS go together")
    from tui.commands.asking import decided, reconciled

    def loaded() -> "Settings":
        from tui.commands.starting import flags, settings_of

        return settings_of(flags(("--db", "storage.path", db), sets=settings), config)

    database, wish = database_of(db, config), None
    if accept is not None:
        wish = ("ACCEPT_DIFFERENCE", reason, {"item": accept})
    elif settle is not None and status is not None:
        wish = ("SETTLE", reason, {"order_id": settle, "status": status.upper()})
    if wish is not None:
        raise typer.Exit(decided(database, wish, loaded, as_json=as_json))
    raise typer.Exit(reconciled(database, reason, loaded, as_json=as_json))


def _ask(
    wishes: "Sequence[Wish]", db: Path | None, config: Path | None, *, as_json: bool
) -> NoReturn:
    """Ask for each, print what came of it, leave with the worst exit code."""
    from tui.commands.asking import ask, exit_code, print_answers

    database = database_of(db, config)
    answers = [ask(database, *wish) for wish in wishes]
    print_answers(answers, as_json=as_json)
    raise typer.Exit(max(exit_code(answer) for answer in answers))
