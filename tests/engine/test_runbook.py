"""Every alert there can be and every deny reason has an entry in the runbook."""

import ast
import re

import pytest

from engine.risk.latches import CONNECTIVITY, DRAWDOWN, LOSS_DAY, LOSS_SEVERE, QUALITY
from engine.risk.reasons import DenyReason
from engine.risk.runbook import ALERTS, runbook
from tests.architecture.sources import ROOT, tree

KIND_AT = {
    "alert": 2,
    "Fault": 1,
    "fault": 0,
    "_finding": 2,
    "_odd": 0,
    "GateResult": 1,
    "Alarm": 0,
}
"""Where the kind stands among the arguments of what raises an alert."""

NO_ALERTS = {"warming_up"}


def literals(node: ast.expr) -> set[str]:
    """The texts that an expression may be."""
    return {
        each.value
        for each in ast.walk(node)
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    }


def raised() -> dict[str, str]:
    """Every kind that the engine's code raises, with where."""
    found: dict[str, str] = {}
    for path in (ROOT / "engine").rglob("*.py"):
        if "practice" in path.parts:
            continue  # the practice gateway plays a broker: its faults are no alerts
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.Call):
                continue
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            named = [k.value for k in node.keywords if k.arg in ("kind", "reason")]
            kinds: set[str] = set()
            if called in KIND_AT and len(node.args) > KIND_AT[called]:
                kinds = literals(node.args[KIND_AT[called]])
            if called in ("DataFinding", "Alarm", "GateVerdict", "Fault", "Do") and named:
                kinds |= set().union(*(literals(each) for each in named))
            for kind in kinds:
                if re.fullmatch(r"[a-z_]+", kind):
                    found[kind] = f"{path.relative_to(ROOT)}:{node.lineno}"
    return found


def test_every_alert_kind_has_an_entry() -> None:
    kinds = raised()
    assert len(kinds) > 40
    latches = dict.fromkeys((CONNECTIVITY, DRAWDOWN, LOSS_DAY, LOSS_SEVERE, QUALITY), "latches")
    missing = {
        k: at for k, at in (kinds | latches).items() if k not in ALERTS and k not in NO_ALERTS
    }
    assert not missing


@pytest.mark.parametrize("code", [*ALERTS, *(reason.value for reason in DenyReason)])
def test_every_entry_says_four_things_in_short(code: str) -> None:
    entry = runbook(code)
    assert entry is not None
    for part in entry:
        assert part[:1].isupper() or part.startswith("pilothouse"), part
        assert part.endswith("."), part
        assert len(part) <= 156  # two lines of 78


def test_a_word_that_is_no_code_has_no_entry() -> None:
    assert runbook("nonsense") is None
