"""How things stand: what `status` collects and shows. No command-line library here."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storage.connect import reading
from storage.noted import noted_ending

if TYPE_CHECKING:
    from engine.domain.request import Request
    from engine.runtime.holder import Holder
    from storage.noted import Ending

ENDS = ("STOPPED", "COMPLETED", "FAILED", "INTERRUPTED")
AT_BROKER = ("paper", "live")
TRADING_STATES = {"HALT": "HALTED", "REDUCE": "REDUCING", "RESUME": "ACTIVE"}


def show(database: Path, *, as_json: bool) -> None:
    """Print how things stand."""
    from tui.commands.output import print_json, print_pairs

    document = collect(database)
    if as_json:
        print_json(document)
    else:
        print_pairs(_lines(document))


def collect(database: Path) -> dict[str, Any]:
    """Return everything that status knows, as JSON has it."""
    from engine.domain.times import utc_text
    from engine.runtime.holder import running
    from storage.queries.listing import rows
    from storage.queries.status import status as standing

    holder = running(database)
    found, latches = None, []
    with reading(database) as connection:
        if connection is not None:
            found = standing(connection)
            book = found.session and found.session["book"]
            latches = [row for row in rows(connection, "latches") if row["book"] == book]
    waiting = [
        {
            "kind": one.kind.value,
            "actor": one.actor,
            "reason": one.reason,
            "asked_at": utc_text(one.asked_at),
        }
        for one in waiting_requests(database)
    ]
    beat = found.heartbeat if found else None
    session = found.session if found else None
    runs = holder is not None and session is not None and holder.session_id == session["session_id"]
    ending = None if holder is not None else noted_ending(database)
    if session is not None and holder is None:
        session = _without_an_engine(session, ending)
    return {
        "database": str(database),
        "engine": _engine(holder, beat),
        "session": session,
        "mode": session and session["mode"],
        "trading_state": _in_force(found.trading_state if found else {}, waiting, ending),
        "link": _link(session) if session and runs else None,
        "link_text": session["link_text"] if session and runs else None,
        "last_decision": found and found.last_decision,
        "reconciliation": found and _reconciliation(found.reconciliation, beat),
        "next_slot": _next_slot(beat, found.last_decision if found else None) if runs else None,
        "equity": found and found.equity,
        "cash": found and found.cash,
        "equity_date": found and found.equity_date,
        "strategies": found.strategies if found else [],
        "counts": found.counts if found else {},
        "latches": [row for row in latches if row["released_at"] is None],
        "requests_waiting": waiting,
    }


def waiting_requests(database: Path) -> "list[Request]":
    """Return what was asked and not yet taken; without a request file nothing was."""
    from storage.controls import SqliteRequestBox, requests_path

    if not requests_path(database).exists():
        return []
    with SqliteRequestBox(database) as box:
        return box.pending()


def _engine(holder: "Holder | None", beat: dict[str, Any] | None) -> dict[str, Any]:
    """Say whether an engine runs and how it feels; a heartbeat has an age, always."""
    if holder is None:
        return {"running": False}
    engine = {
        "running": True,
        "pid": holder.pid,
        "host": holder.host,
        "session_id": holder.session_id,
        "since": holder.since,
    }
    if not beat or beat["session_id"] != holder.session_id:
        return {**engine, "heartbeat_age_s": None}
    from engine.domain.times import parse_utc
    from engine.runtime.clock import SystemClock

    age = (SystemClock().wall() - parse_utc(beat["wall_at"])).total_seconds()
    return {
        **engine,
        "heartbeat_age_s": round(age, 3),
        "clock_at": beat["clock_at"],
        "session_date": beat["session_date"],
        "pace": beat["pace"],
        "inputs_done": beat["inputs_done"],
        "inputs_total": beat["inputs_total"] or None,
        "note": beat["note"],
    }


def _next_slot(beat: dict[str, Any] | None, decision: dict[str, Any] | None) -> str | None:
    """Return the next slot of the newest heartbeat, unless a decision has gone past it since."""
    slot = str(beat["next_slot"]) if beat else ""
    is_past = decision is not None and slot.rpartition(" ")[2] <= decision["at"]
    return None if is_past else slot or None


def _link(session: dict[str, Any]) -> str:
    """Return the link to a broker, DOWN until there was one; without a broker, whose prices."""
    if session["mode"] in AT_BROKER:
        return str(session["link"] or "DOWN")
    return str(session["feed"])


def _reconciliation(
    run: dict[str, Any] | None, beat: dict[str, Any] | None
) -> dict[str, Any] | None:
    """Return the last comparison that said something new, and when the last of all was."""
    if run is None:
        return None
    newest = max(run["at"], (beat or {}).get("compared_at") or "")
    return {
        **{key: run[key] for key in ("run_id", "verdict", "at")},
        "compared_at": newest,
        "text": run["text"],
    }


def _without_an_engine(session: dict[str, Any], ending: "Ending | None") -> dict[str, Any]:
    """Return a session as the next start will find it: a process that died wrote no end."""
    if session["state"] in ENDS:
        return session
    why = "process_died" if ending is None else f"process_died: {ending.reason}"
    return {**session, "state": "INTERRUPTED", "end_reason": why}


def _in_force(
    known: dict[str, Any], waiting: list[dict[str, Any]], ending: "Ending | None"
) -> dict[str, Any]:
    """Return the trading state; what waits for an engine to take it is in force already."""
    state = {
        "state": known.get("trading_state", "ACTIVE"),
        "since": known.get("since"),
        "actor": known.get("actor"),
        "reason": known.get("reason"),
        "waits_for_engine": False,
    }
    if ending is not None:
        state = {
            "state": ending.state,
            "since": ending.since or None,
            "actor": ending.actor,
            "reason": ending.reason,
            "waits_for_engine": True,
        }
    for one in waiting:
        if one["kind"] in TRADING_STATES:
            state = {
                "state": TRADING_STATES[one["kind"]],
                "since": one["asked_at"],
                "actor": one["actor"],
                "reason": one["reason"],
                "waits_for_engine": True,
            }
    return state


def _lines(document: dict[str, Any]) -> Iterator[tuple[str, object]]:
    yield "database", document["database"]
    yield "engine", _engine_line(document["engine"])
    session, state = document["session"], document["trading_state"]
    if session is None:
        yield "session", "none yet"
        yield "trading state", _state_line(state)
        return
    end = f" ({session['end_reason']})" if session["end_reason"] else ""
    dry = ", dry run" if session["dry_run"] else ""
    yield "session", f"{session['session_id']} {session['state']}{end}"
    yield "mode", f"{session['mode']}{dry}, {session['strategy_ids']}, {session['source']}"
    yield "trading state", _state_line(state)
    yield "link", _link_line(document)
    yield "reconciled", _reconciled_line(document["reconciliation"])
    yield "last decision", _decision_line(document["last_decision"])
    yield "next slot", document["next_slot"]
    yield "equity", _equity_line(document)
    counts = document["counts"]
    yield "counts", ", ".join(f"{counts[name]} {name}" for name in counts)
    for latch in document["latches"]:
        yield (
            "latch",
            f"{latch['latch']} of {latch['scope']} until {latch['until']}: {latch['text']}",
        )
    for one in document["requests_waiting"]:
        yield "request", f"{one['kind']} by {one['actor']} waits: {one['reason']}"


def _engine_line(engine: dict[str, Any]) -> str:
    if not engine["running"]:
        return "none runs"
    age = engine["heartbeat_age_s"]
    beat = "no heartbeat yet" if age is None else f"heartbeat {age:.1f} s ago"
    return f"pid {engine['pid']} on {engine['host']} since {engine['since']}, {beat}"


def _state_line(state: dict[str, Any]) -> str:
    parts = [state["state"]]
    if state["since"]:
        parts.append(f"since {state['since']} by {state['actor']}: {state['reason']}")
    if state["waits_for_engine"]:
        parts.append("(waits for the next engine)")
    return " ".join(parts)


def _link_line(document: dict[str, Any]) -> str | None:
    """Say what the link is, and why nothing can be sent where that is so."""
    link, text = document["link"], document["link_text"]
    return f"{link}: {text}" if link and text else link


def _reconciled_line(run: dict[str, Any] | None) -> str:
    if run is None:
        return "not compared yet"
    since = f" since {run['at']}" if run["at"] != run["compared_at"] else ""
    return f"{run['verdict']}{since}, compared at {run['compared_at']}: {run['text']}"


def _decision_line(decision: dict[str, Any] | None) -> str | None:
    if decision is None:
        return None
    which = f"{decision['session_date']} {decision['slot']} {decision['strategy_id']}"
    return f"{which}: {decision['result']}, {decision['text']}"


def _equity_line(document: dict[str, Any]) -> str:
    from tui.format import fills_at, money

    fills = f"fills at {fills_at(document['mode'], document['session']['fill_rule'])}"
    at = f"at the close of {document['equity_date']}" if document["equity_date"] else "no snapshot"
    return f"{money(document['equity'])} USD {at}, cash now {money(document['cash'])}, {fills}"
