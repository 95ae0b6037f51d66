"""The order ticket as a person sees it: what is typed, what it would be, what came of it.

One line says everything, in any order: `10 TQQQ`, `25% TLT LIMIT 91.50 GTC`, `STOP 95`. Nothing
here works anything out: quantity, weight, cash and the gate's verdict are the engine's preview.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from engine.domain.ids import MANUAL, OrderId, StrategyId
from engine.domain.order import OrderType, TimeInForce
from engine.domain.ticket import TIMES, Action, Ticket, ticket_of
from engine.errors import SettingsError
from tui.dialogs.confirm import Facts, Question, Typed, word_needed
from tui.format import (
    BLANK,
    Shown,
    age,
    fit,
    money,
    number,
    percent,
    price,
    quantity,
    safe,
    say,
    word,
)
from tui.view import Row
from tui.widgets.lines import Line, Span, line

Preview = Mapping[str, Any]
"""What the engine answers (engine.core.manual): texts, None where something is not known."""

CHECKS_KEY = "v"

HOW = Shown("SHARES or n% · SYMBOL · LIMIT price · STOP price · DAY GTC IOC, in any order")

_SYMBOL = re.compile(r"[A-Z][A-Z0-9.\-]{0,15}")
_PRICED = {"LIMIT": "limit", "LMT": "limit", "STOP": "stop", "STP": "stop"}
_TIMES = frozenset(one.value for one in TIMES)
_MARKET = ("MARKET", "MKT")


def typed_ticket(typed: str, like: Ticket) -> Ticket:
    """Return the ticket that was typed; SettingsError says what is wrong with it.

    like: what the key already said: action, owner, symbol, order.
    """
    args = {**like.to_args(), "type": "", "tif": ""}
    for name in ("quantity", "share", "limit", "stop"):
        args.pop(name, None)
    words = typed.upper().replace(",", "").split()
    while words:
        one = words.pop(0)
        if one in _PRICED:
            args[_PRICED[one]] = words.pop(0) if words else "nothing"
        elif one in _TIMES:
            args["tif"] = one
        elif one in _MARKET:
            args["type"] = OrderType.MARKET.value
        elif one.endswith("%"):
            args["share"] = _share(one)
        elif one[0].isdigit() or one[0] in "+-.":
            args["quantity"] = one
        elif _SYMBOL.fullmatch(one) and like.action in (Action.BUY, Action.SELL):
            args["symbol"] = one
        else:
            raise SettingsError(f"{one!r}: allowed is {HOW}")
    kind = {(True, False): "LIMIT", (False, True): "STOP", (True, True): "STOP_LIMIT"}
    args["type"] = args["type"] or kind.get(("limit" in args, "stop" in args), "MARKET")
    ticket = ticket_of(args)
    if not ticket.symbol and ticket.action is not Action.REPLACE:
        raise SettingsError("which symbol? one such as TQQQ")
    return ticket


def _share(one: str) -> str:
    try:
        return str(Decimal(one[:-1]) / 100)
    except ArithmeticError:
        return one


def of_position(action: Action, row: Row) -> Ticket:
    """Return the ticket that closes or reduces what a strategy owns."""
    return Ticket(action=action, symbol=row["symbol"], strategy=StrategyId(row["strategy_id"]))


def of_order(row: Row) -> Ticket:
    """Return the ticket that replaces an order, as the order is."""
    limit, stop = row["limit_price"], row.get("stop_price")
    return Ticket(
        action=Action.REPLACE,
        symbol=row["symbol"],
        strategy=StrategyId(row["strategy_id"]),
        quantity=_exact(row["quantity"]),
        type=OrderType(row["order_type"]),
        limit=_exact(limit),
        stop=_exact(stop),
        time_in_force=TimeInForce(row.get("time_in_force") or "DAY"),
        order_id=OrderId(row["order_id"]),
    )


def _exact(value: object) -> Decimal | None:
    return None if value is None else Decimal(f"{value:.6f}").normalize()


def words_of(ticket: Ticket) -> str:
    """Return what would have to be typed for this ticket."""
    words = [] if ticket.quantity is None else [f"{ticket.quantity:f}"]
    if ticket.action in (Action.BUY, Action.SELL) and ticket.symbol:
        words.append(ticket.symbol)
    words += [] if ticket.stop is None else ["STOP", f"{ticket.stop:f}"]
    words += [] if ticket.limit is None else ["LIMIT", f"{ticket.limit:f}"]
    if ticket.time_in_force is not TimeInForce.DAY:
        words.append(ticket.time_in_force.value)
    return " ".join(words)


def entry_question(
    ticket: Ticket, then: Callable[[str, str], None], about: Facts, typed: Callable[[], str]
) -> Question:
    """Return the line in which a ticket is typed; nothing is asked before enter."""

    def reads(text: str) -> bool:
        try:
            return bool(typed_ticket(text, ticket))
        except SettingsError:
            return False

    def facts() -> Facts:
        return (
            *about,
            HOW,
            _read_as(typed(), ticket),
            Shown("enter asks for a preview; nothing is sent yet"),
        )

    what = Shown("REPLACE the order by" if ticket.action is Action.REPLACE else ticket.action.value)
    of = say("{} of {}", safe(ticket.symbol), safe(ticket.strategy))
    title = say("{} {}", what, of) if ticket.strategy != MANUAL else what
    text = words_of(ticket)
    return Question(
        title,
        facts,
        (),
        then,
        typed=Typed(
            Shown(ticket.action.value), reads, Shown("not yet: see above"), Shown("enter previews")
        ),
        lasts_s=None,
        danger=False,
        text=f"{text} " if text else "",
    )


def _read_as(typed: str, like: Ticket) -> Shown:
    if not typed.strip():
        return BLANK
    try:
        ticket = typed_ticket(typed, like)
    except SettingsError as wrong:
        return say("· {}", safe(str(wrong), 120))
    share = BLANK if ticket.share is None else say("{} %", percent(ticket.share, 2))
    much = share or quantity(ticket.quantity)
    return say(
        "= {} {} {}", Shown(ticket.action.value), much, _kind(ticket.to_args(), ticket.symbol)
    )


def _kind(of: Mapping[str, Any], symbol: str) -> Shown:
    """Return symbol, type, prices and time of a ticket or preview."""
    parts = [word(symbol), word(of["type"])]
    for name in ("stop", "limit"):
        if of.get(name):
            parts.append(price(number_of(of[name])))
    return Shown(" ".join((*parts, word(of["tif"]))))


def number_of(text: Any) -> Decimal | None:
    """Return a number of the preview; what is none is unknown, never a crash."""
    try:
        return None if text is None else Decimal(text)
    except (ArithmeticError, TypeError, ValueError):
        return None


def waiting_question(ticket: Ticket, asked: Callable[[], Shown]) -> Question:
    """Return what stands while the engine works out a preview."""
    return Question(
        say("{} {}", Shown(ticket.action.value), safe(ticket.symbol)),
        lambda: (asked(),),
        (),
        lambda _, __: None,
        lasts_s=None,
        danger=False,
    )


def order_question(
    preview: Preview,
    then: Callable[[str, str], None],
    head: Shown,
    *,
    session: Facts,
    next_slot: Shown,
    by_word: bool,
) -> Question:
    """Ask whether to send what the engine has worked out; without an answer where it would not go.

    head: mode, account and the question's own id. by_word: the quantity has to be typed.
    """
    why_not = preview["refused"] or (preview["denied"] and denied_words(preview))
    what = Shown("REPLACE by" if preview["action"] == "REPLACE" else preview["action"])
    title = say("{} {}?  {}", what, word(preview["symbol"]), head)
    facts = (
        order_line(preview),
        effect_line(preview),
        say(
            "working orders of {}: {} · owner {}{}",
            word(preview["symbol"]),
            safe(", ".join(preview["working"]) or "none", 60),
            word(preview["strategy"]),
            next_slot if preview["strategy"] != MANUAL else BLANK,
        ),
        say("NOT SENT: {}", safe(why_not, 200)) if why_not else gate_line(preview),
        changed_line(preview) or (session[0] if session else BLANK),
    )
    checks = (CHECKS_KEY, Shown("all checks"))
    if why_not:
        return Question(title, facts, (checks,), then, danger=False)
    typed = word_needed(preview["quantity"]) if by_word else None
    return Question(title, facts, (("y", Shown("send")), checks), then, typed=typed)


def check_lines(preview: Preview) -> list[Line]:
    """Return every check of the gate with its numbers for this very order, the worst first."""
    inks = {
        "FAIL": "danger", "UNKNOWN": "warn", "WARN": "warn", "PASS": "plain",
        "NOT_APPLICABLE": "quiet",
    }  # fmt: skip
    worst = [*inks]
    checks = sorted(
        preview["checks"], key=lambda check: worst.index(check[1]) if check[1] in inks else 0
    )
    return [
        line(
            Span(fit(say(" {}", word(code)), 20), "key"),
            Span(fit(word(result.replace("_", " ").lower()), 15), inks.get(result, "warn")),
            Span(say("{}  limit {}", word(value), word(limit))),
        )
        for code, result, value, limit in checks
    ]


def order_line(preview: Preview) -> Shown:
    """Return the order with its value and the price it rests on."""
    stale = BLANK
    if preview["price"] is None:
        stale = Shown(" PRICE UNKNOWN")
    elif preview["age_s"] is None:
        stale = Shown(" last close, no quote now")
    return say(
        "{} {} {}, about {} USD; last {}, {}, bid {} ask {}{}",
        word(preview["side"]),
        quantity(number_of(preview["quantity"])),
        _kind(preview, preview["symbol"]),
        number(number_of(preview["value"]), 0),
        price(number_of(preview["price"])),
        age(preview["age_s"]),
        _beside(preview, "bid"),
        _beside(preview, "ask"),
        stale,
    )


def _beside(preview: Preview, side: str) -> Shown:
    """Return bid or ask; only its cents where the dollars are those of the price before it."""
    last, quoted = number_of(preview["price"]), number_of(preview[side])
    if last is None or quoted is None or int(last) != int(quoted) or last < 1:
        return price(quoted)
    return Shown(price(quoted).rpartition(".")[2].rjust(3, "."))


def effect_line(preview: Preview) -> Shown:
    """Return what it does to shares, weight and cash."""
    return say(
        "owned {} → {}, weight {} % → {} %, cash {} → about {}",
        quantity(number_of(preview["owned"])),
        quantity(number_of(preview["owned_after"])),
        percent(number_of(preview["weight"])),
        percent(number_of(preview["weight_after"])),
        money(number_of(preview["cash"])),
        money(number_of(preview["cash_after"])),
    )


def denied_words(preview: Preview) -> str:
    """Return the check that would deny the order with both its numbers."""
    code = preview["denied"]
    for name, _, value, limit in preview["checks"]:
        if name == code:
            return f"the gate denies it, {code}: {value}, limit {limit}"
    return f"the gate denies it: {code}"


def gate_line(preview: Preview) -> Shown:
    """Return the gate's verdict: how many checks, what waits, what is near."""
    results = [result for _, result, *_ in preview["checks"]]
    passed = Shown(str(results.count("PASS")))
    many = Shown(str(len(results)))
    told = say("gate: {} checks, {} pass, none denies", many, passed)
    if preview["waits"]:
        told = say("{} · WAITS for {}", told, word(preview["waits"]))
    near = [f"{c} {v} (limit {x})" for c, r, v, x in preview["checks"] if r == "WARN"]
    if near:
        return say("{} · warns: {}", told, safe(", ".join(near), 120))
    sizes = [
        f"{name} {value} of {limit.partition(' ')[0]}"
        for code, result, value, limit in preview["checks"]
        for name in (_SIZES.get(code),)
        if name and result == "PASS"
    ]
    return say("{} · {}", told, safe(" · ".join(sizes), 120)) if sizes else told


_SIZES = {"order_size": "order", "symbol_exposure": "symbol", "strategy_budget": "budget"}


def changed_line(preview: Preview) -> Shown:
    """Return what has changed since the question before, old → new."""
    changed = preview.get("changed") or ()
    if not changed:
        return BLANK
    parts = ", ".join(f"{name} {old} → {new}" for name, old, new in changed)
    return say("CHANGED, nothing was sent: {}", safe(parts, 120))


def order_args(ticket: Ticket, preview: Preview, shown: Facts, answer: str) -> dict[str, str]:
    """Return the request that sends what was seen: quantity in shares, and the facts."""
    fixed = replace(ticket, share=None)
    if ticket.share is not None:
        fixed = replace(fixed, quantity=Decimal(preview["quantity"]))
    seen = {f"seen_{name}": value for name, value in preview["seen"].items()}
    told = {"shown": "\n".join(shown)[:800], "answer": answer, "session_id": preview["session_id"]}
    return fixed.to_args() | seen | told
