"""Leave a wish in the request file, wait for its answer, say what came of it."""

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.domain.report import QUIET
from engine.domain.request import WAITS_FOR_AN_ENGINE, Request, RequestKind
from engine.errors import JournalError
from engine.runtime.clock import SystemClock
from engine.runtime.holder import Holder, running
from engine.runtime.ids import SystemIds, request_id
from storage.controls import SqliteRequestBox
from tui import terminal

if TYPE_CHECKING:
    from engine.settings.model import Settings

Wish = tuple[str, str, Mapping[str, str]]
"""Kind, reason, arguments."""

ANSWER_WITHIN_S = 2.0
HALT_WITHIN_MS = 200
POLL_S = 0.02

DONE, WAITS, NOT_TAKEN, NO_ENGINE, SIGNALED = "DONE", "WAITS", "NOT_TAKEN", "NO_ENGINE", "SIGNALED"

EXIT_CODES = {
    DONE: 0,
    WAITS: 0,
    SIGNALED: 0,
    "REFUSED": 3,
    "EXPIRED": 7,
    NOT_TAKEN: 7,
    NO_ENGINE: 2,
}


class Answer(NamedTuple):
    """What came of one wish."""

    request: Request
    result: str
    text: str
    holder: Holder | None


def ask(database: Path, kind: str, reason: str, args: Mapping[str, str]) -> Answer:
    """Commit a request and return what came of it within two seconds."""
    request, holder = _request(kind, reason, args), running(database)
    if holder is None and request.kind not in WAITS_FOR_AN_ENGINE:
        text = f"no engine runs on {database}"
        return Answer(request, DONE if request.kind is RequestKind.STOP else NO_ENGINE, text, None)
    halts = request.kind is RequestKind.HALT
    patience_ms = HALT_WITHIN_MS if halts else ANSWER_WITHIN_S * 1000
    with SqliteRequestBox(database, busy_timeout_ms=int(patience_ms)) as box:
        try:
            box.ask(request)
        except JournalError:
            if holder is None or not halts:
                raise
            os.kill(holder.pid, signal.SIGUSR1)
            text = f"the request file could not be written; pid {holder.pid} was told by signal"
            return Answer(request, SIGNALED, text, holder)
        if holder is None:
            return Answer(request, WAITS, "no engine runs; in force when the next one starts", None)
        return _wait(box, database, request, holder)


def _request(kind: str, reason: str, args: Mapping[str, str]) -> Request:
    now = SystemClock().wall()
    return Request(
        request_id=request_id(now, SystemIds().bits(80)),
        kind=RequestKind(kind),
        actor=terminal.actor(),
        reason=reason,
        args=dict(args),
        asked_at=now,
    )


def _wait(box: SqliteRequestBox, database: Path, request: Request, holder: Holder) -> Answer:
    deadline = time.monotonic() + ANSWER_WITHIN_S
    while time.monotonic() < deadline:
        try:
            answer = box.result(request.request_id)
        except JournalError:  # somebody writes to it just now: what was asked is asked
            answer = None
        if answer is not None:
            return Answer(request, answer.result, answer.text, holder)
        if running(database) is None:
            break
        time.sleep(POLL_S)
    if request.kind in WAITS_FOR_AN_ENGINE:
        return Answer(
            request,
            WAITS,
            f"pid {holder.pid} has not answered; nothing is sent before it has",
            holder,
        )
    if request.kind is RequestKind.STOP and running(database) is None:
        return Answer(request, DONE, "the engine has ended", holder)
    return Answer(request, NOT_TAKEN, f"pid {holder.pid} has not taken it yet", holder)


def exit_code(answer: Answer) -> int:
    """Return the exit code that an answer stands for."""
    return EXIT_CODES.get(answer.result, 7)


def print_answers(answers: Sequence[Answer], *, as_json: bool) -> None:
    """Print what came of each wish, with who asked and why."""
    from tui.commands.output import print_json, say

    if as_json:
        documents = [document(answer) for answer in answers]
        print_json(documents[0] if len(documents) == 1 else documents)
        return
    for answer in answers:
        request = answer.request
        why = f", reason: {request.reason}" if request.reason else ""
        say(f"{request.kind.value} {answer.result}: {answer.text} (by {request.actor}{why})")


def document(answer: Answer) -> dict[str, Any]:
    """Return an answer as JSON has it."""
    request, holder = answer.request, answer.holder
    return {
        "request_id": request.request_id,
        "kind": request.kind.value,
        "actor": request.actor,
        "reason": request.reason,
        "args": dict(request.args),
        "asked_at": request.asked_at,
        "result": answer.result,
        "text": answer.text,
        "engine": None if holder is None else {"pid": holder.pid, "session_id": holder.session_id},
    }


# -- reconcile -----------------------------------------------------------------------------

BROKER_WITHIN_S = 45.0  # four questions to a broker, each answered or given up in 10 s
RUNS = 20  # among which the answer to a request is looked for
VERDICTS = {"CLEAN": 0, "DIFFERENCES": 7, "UNKNOWN": 4}


def reconciled(
    database: Path, reason: str, settings: Callable[[], "Settings"], *, as_json: bool
) -> int:
    """Ask for a reconciliation, print its report; return the exit code of its verdict.

    Without an engine this process compares by itself, with what `settings` loads.
    """
    before = _newest_run(database)
    if running(database) is None:
        return _compared(database, before, settings, as_json=as_json)
    answer = ask(database, RequestKind.RECONCILE.value, reason, {})
    deadline = time.monotonic() + BROKER_WITHIN_S
    while answer.result == DONE and time.monotonic() < deadline:
        run = _newest_run(database)
        if run is not None and (before is None or run["seq"] > before["seq"]):
            _print_report(run, as_json=as_json)
            return VERDICTS[run["verdict"]]
        time.sleep(POLL_S)
    print_answers([answer], as_json=as_json)
    return exit_code(answer) or EXIT_CODES[NOT_TAKEN]


def decided(
    database: Path, wish: Wish, settings: Callable[[], "Settings"], *, as_json: bool
) -> int:
    """Ask for what a person decides, print what came of it; return the exit code.

    Without an engine this process writes it by itself, to the book of what `settings` loads.
    """
    if running(database) is not None:
        answer = ask(database, *wish)
    else:
        from tui.compared import decide_alone

        request = _request(*wish)
        answer = Answer(request, *decide_alone(settings(), request), None)
    print_answers([answer], as_json=as_json)
    return exit_code(answer)


def _compared(
    database: Path,
    before: dict[str, Any] | None,
    settings: Callable[[], "Settings"],
    *,
    as_json: bool,
) -> int:
    from engine.errors import EngineError
    from tui.compared import compare_once

    compare_once(settings())
    run = _newest_run(database)
    if run is None or (before is not None and run["seq"] <= before["seq"]):
        raise EngineError("the comparison left no report")
    _print_report(run, as_json=as_json)
    return VERDICTS[run["verdict"]]


def _newest_run(database: Path) -> dict[str, Any] | None:
    """Return the newest comparison with what differed; what a timer saw is no answer to us."""
    from storage.connect import reading
    from storage.queries.listing import rows

    with reading(database) as connection:
        found = rows(connection, "reconciliations", limit=RUNS) if connection is not None else []
        runs = [run for run in found if run["trigger"] not in QUIET]
        if connection is None or not runs:
            return None
        run = runs[-1]
        differences = rows(connection, "differences", session_id=run["session_id"])
    mine = [one for one in differences if one["run_id"] == run["run_id"]]
    return {**run, "differences": mine}


def _print_report(run: dict[str, Any], *, as_json: bool) -> None:
    from tui.commands.output import Column, print_json, print_table, say

    if as_json:
        print_json(run)
        return
    text = f"{run['matched']} matched"
    if run["text"] != text:
        text = f"{text}; {run['text']}"
    say(f"{run['verdict']} at {run['at']}: {text}")
    titles = ("kind", "item", "ours", "theirs", "effect", "accepted_by")
    print_table(run["differences"], [Column(name, name) for name in titles], empty="no differences")
