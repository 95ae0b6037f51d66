"""What the order ticket looks like at every size: typed, waiting, to be confirmed, denied."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from engine.domain.event import RequestAnswered
from tests.storage.samples import unit
from tests.tui import seed
from tests.tui.preview import PREVIEW
from tests.tui.screens import (
    Asked,
    app_of,
    append,
    application,
    handled,
    press,
    ready,
    seeded,
    settled,
    until,
)
from tests.tui.test_snapshots import HUGE, LARGE, SMALL, Compare
from tui.dialogs import confirm

DENIED = {"denied": "order_size", "checks": [["order_size", "FAIL", "0.4120", "0.30 of equity"]]}
CHANGED = {"changed": [["price", "91.10", "91.62"], ["owned", "0", "10"]]}


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "TEXTUAL_THEME", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(confirm, "monotonic", lambda: 1_000.0)
    monkeypatch.setattr(confirm, "OPENED_S", -1e12)
    monkeypatch.setattr(confirm, "KEY_AGE_S", 1e12)


def ticket(path: Path, asked: Asked, answer: dict[str, Any] | None) -> Callable[[Pilot[None]], Any]:
    """Type a ticket; where there is an answer, ask for the preview and let the engine give it."""

    async def before(pilot: Pilot[None]) -> None:
        await ready(pilot)
        app = app_of(pilot)
        app.arming.until = 1e12
        await press(pilot, "4", "B", *"130 TLT LIMIT 91.50 GTC")
        if answer is not None:
            await press(pilot, "enter")
            said = RequestAnswered(
                request_id=asked.requests[-1].request_id,
                result="DONE",
                text="",
                preview=json.dumps(answer),
            )
            append(path, unit(said, at=seed.ago(0)))
            await until(pilot, lambda: "TLT?" in app.dashboard.confirm.text, "the question")
        await settled(pilot)
        app._hint = None
        app.arming.until = None
        app.paint()
        app.dashboard.confirm.refresh_lines()
        await handled(pilot)

    return before


@pytest.mark.parametrize("size", [SMALL, LARGE, HUGE], ids=["small", "large", "huge"])
def test_a_ticket_to_be_confirmed(snap_compare: Compare, tmp_path: Path, size: Any) -> None:
    path, asked = seeded(tmp_path / "story.db"), Asked()
    app = application(path, asked)
    assert snap_compare(app, terminal_size=size, run_before=ticket(path, asked, PREVIEW))


@pytest.mark.parametrize("what", [None, DENIED, CHANGED], ids=["typed", "denied", "changed"])
def test_a_ticket_on_a_small_terminal(
    snap_compare: Compare, tmp_path: Path, what: dict[str, Any] | None
) -> None:
    path, asked = seeded(tmp_path / "story.db"), Asked()
    answer = None if what is None else PREVIEW | what
    app = application(path, asked)
    assert snap_compare(app, terminal_size=SMALL, run_before=ticket(path, asked, answer))
