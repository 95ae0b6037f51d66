"""Why something was done: the chain behind an id as lines, oldest first."""

from collections.abc import Iterator

from storage.queries.chain import Chain, Fact
from tui.format import Shown, cell, fills_at, fit, safe, say
from tui.sentence import sentence
from tui.view import Row


def explanation_rows(chain: Chain) -> tuple[Row, ...]:
    """Return the lines, each with its ink."""
    return tuple(_rows(chain))


def _rows(chain: Chain) -> Iterator[Row]:
    session = chain.session
    yield _row(
        say(
            "{} of {}, {}, fills at {}",
            safe(chain.asked),
            safe(str(session.get("session_id"))),
            safe(str(session.get("source"))),
            fills_at(session.get("mode"), session.get("fill_rule")),
        ),
        "quiet",
    )
    for fact in chain.facts:
        event = {"kind": fact.kind, "subject": fact.subject, "payload": fact.payload}
        yield _row(say("{} {}", Shown(fact.at[:19]), sentence(event)), "plain")
        yield from _numbers(fact)


def _numbers(fact: Fact) -> Iterator[Row]:
    payload = fact.payload
    if fact.kind == "DecisionMade":
        for step in payload.get("steps", ()):
            words = (step["name"], step["value"], step["test"], step["result"], step["distance"])
            widths = (13, 17, 20, 10, 11)  # with what stands before them 78
            cells = (fit(cell(str(w)), n) for w, n in zip(words, widths, strict=True))
            yield _row(Shown("  " + " ".join(cells)), "quiet")
    elif fact.kind == "RiskChecked":
        passed = True
        for check in payload.get("checks", ()):
            bad = check["result"] in ("FAIL", "UNKNOWN")
            decisive = passed and check["result"] == "FAIL"  # an order's reason is the first
            passed = passed and not decisive
            text = say(
                "  {} {} {} {} limit {}",
                Shown("!" if decisive else " "),
                fit(cell(check["code"]), 18),
                fit(cell(check["result"]), 14),
                cell(str(check["value"])),
                cell(str(check["limit"])),
            )
            yield _row(text, "warn" if bad else "quiet")
    elif payload.get("order", {}).get("sizing"):
        yield _row(say("    {}", safe(payload["order"]["sizing"])), "quiet")


def _row(text: Shown, ink: str) -> Row:
    return {"text": text, "ink": ink}
