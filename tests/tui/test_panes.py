"""The panes beside the first ones: decisions, sessions, parameters, equity in full."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from engine.domain import event as facts
from engine.domain.alert import Severity
from engine.domain.order import Side
from engine.domain.risk import Check, CheckResult
from engine.domain.session import JobOutcome
from engine.domain.times import utc_text
from engine.ports import Unit
from engine.risk.reasons import DenyReason
from engine.risk.runbook import ALERTS
from engine.strategy.registry import resolve
from tests.storage.samples import REGIME, context, created, signal, unit
from tests.tui import sample, seed
from tests.tui.screens import Asked, application, press, ready, seeded, settled, text_of, until
from tui import steering
from tui.dialogs import confirm
from tui.format import Shown, time_left
from tui.notices import messages
from tui.panes import performance
from tui.panes.parameters import ParametersPane
from tui.panes.sessions import SessionsPane, span_text
from tui.runbook import runbook_lines
from tui.shell import ScreenOptions
from tui.widgets.status import status_fields, wide_fields

SMALL, LARGE = (80, 24), (120, 40)


def refused_units() -> list[Unit]:
    """A denied order, a rejected signal, a slot that was missed, a parameter that was changed."""
    denied = seed.order(7, seed.TQQQ, Side.BUY, 500)
    raised = signal("sig_2c400c040007", instrument=seed.TQQQ, raised_at=seed.ago(9))
    other = signal("sig_2c400c040008", instrument=seed.QQQ, raised_at=seed.ago(8))
    return [
        unit(
            facts.SignalRaised(signal=replace(raised, decision_id=None)),
            facts.RiskChecked(
                order_id=denied.order_id,
                checks=(
                    Check("mode", CheckResult.PASS, "", ""),
                    Check("cash", CheckResult.FAIL, "55,125", "171"),
                    Check("quote_age", CheckResult.FAIL, "44", "30"),
                ),
            ),
            facts.OrderDenied(order=denied, code="cash", text="55,125 > 171"),
            at=seed.ago(9),
        ),
        unit(
            facts.SignalRejected(signal=other, reason="CONFLICT", text="two at once"),
            at=seed.ago(8),
        ),
        unit(
            facts.JobEnded(
                job="decision:regime", session_date=seed.DAY - timedelta(days=1),
                due_at=seed.ago(80_000), outcome=JobOutcome.MISSED, detail="missed by 92 s",
            ),
            at=seed.ago(7),
        ),
        unit(
            facts.ParameterChanged(
                strategy=REGIME, key="sma_fast", old="40", new="50", parameter_hash="ab" * 8,
                actor="me@here", reason="a faster mean",
            ),
            at=seed.ago(6),
        ),
    ]  # fmt: skip


def whole_story() -> list[Unit]:
    """The story of a session with real parameters, and what was refused."""
    given = context(seed.SESSION, started_at=seed.ago(600), recorded_clock=False)
    texts = dict(resolve("regime").texts)
    info = replace(given.strategies[0], parameters=texts)
    first = created(replace(given, strategies=(info,)))
    return [first, *seed.story()[1:], *refused_units()]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The story with its refusals, written once."""
    return seeded(tmp_path_factory.mktemp("panes") / "story.db", whole_story())


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers may come at once or late: keys of a test are not type-ahead."""
    monkeypatch.setattr(confirm, "OPENED_S", -60.0)
    monkeypatch.setattr(confirm, "KEY_AGE_S", 60.0)
    monkeypatch.setattr(steering, "KEY_AGE_S", 60.0)
    monkeypatch.setattr(steering, "ESC_S", 0.0)


# -- signals and decisions -----------------------------------------------------------------


async def test_signals_tell_what_became_of_them_and_why(database: Path) -> None:
    app = application(database)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "6")
        await settled(pilot)
        text = text_of(pilot)
        for words in ("DENIED", "cash", "REJECTED", "CONFLICT", "MISSED", "missed by", "2 refused"):
            assert words in text, words
        assert "regime" in text.splitlines()[4]
        await press(pilot, "d")
        await settled(pilot)
        assert set(app.dashboard.panes["signals"].keys) == {"sig_2c400c040007", "sig_2c400c040008"}


async def test_a_latch_is_shown_with_its_end_and_its_reason(tmp_path: Path) -> None:
    latch = facts.LatchSet(
        latch="quality", scope="regime", until=utc_text(seed.ago(-1800)),
        text="3 orders rejected in a row, limit 3",
    )  # fmt: skip
    app = application(seeded(tmp_path / "latched.db", [*whole_story(), unit(latch)]))
    async with app.run_test(size=(130, 30)) as pilot:
        await ready(pilot)
        await press(pilot, "6")
        await settled(pilot)
        text = text_of(pilot)
    assert "quality latch until 16:" in text.splitlines()[4]
    assert "3 orders rejected in a row" in text.splitlines()[4]
    assert "Entries blocked: quality latch of regime until 16:" in text


async def test_the_detail_of_a_denial_marks_the_first_check_that_failed(database: Path) -> None:
    app = application(database)
    async with app.run_test(size=(100, 50)) as pilot:
        await ready(pilot)
        await press(pilot, "6", "d", "j")
        pane = app.dashboard.panes["signals"]
        pane.cursor = "sig_2c400c040007"
        await press(pilot, "enter")
        await until(pilot, lambda: "quote_age" in text_of(pilot), "the chain")
        text = text_of(pilot)
        assert "The confirmed cash does not pay for it." in text
        failed = [row for row in text.splitlines() if " FAIL  " in row]
        assert len(failed) == 2
        assert "cash" in failed[0]
        assert failed[0].lstrip().startswith("!")
        assert not failed[1].lstrip().startswith("!")


# -- sessions ------------------------------------------------------------------------------


async def test_sessions_are_listed_with_result_and_replay_command(tmp_path: Path) -> None:
    path = seeded(tmp_path / "a.db")
    app = application(path)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "9")
        await settled(pilot)
        text = text_of(pilot)
        assert "9f3a1c22" in text
        assert "+14.43" in text  # 11,443 of 10,000
        await press(pilot, "j", "enter")
        await settled(pilot)
        assert f"pilothouse replay {seed.SESSION}" in text_of(pilot)


async def test_two_marked_sessions_are_compared(database: Path) -> None:
    app = application(database)
    async with app.run_test(size=LARGE) as pilot:
        await ready(pilot)
        await press(pilot, "9")
        await settled(pilot)
        pane = app.dashboard.panes["sessions"]
        assert isinstance(pane, SessionsPane)
        two = (sample.archived(1), sample.archived(2, fill_rule="same_close"))
        pane.show_rows([(row["session_id"], row) for row in two], app.view.moment)
        pane.marks = {row["session_id"] for row in two}
        await press(pilot, "=")
        differing = [row for row in pane.text.splitlines() if "≠" in row[17:20]]
        assert any("fill rule" in row for row in differing)
        assert not any("capital" in row for row in differing)
        await press(pilot, "escape")
        assert pane.comparing is None


def test_durations_take_five_cells() -> None:
    for seconds, text in ((42, "42s"), (1020, "17m"), (9_060, "2h31"), (273_600, "3d04")):
        assert span_text(seconds) == text
    assert span_text(None) == "·"
    assert len(span_text(1e9)) <= 5


# -- parameters ----------------------------------------------------------------------------


async def test_parameters_show_value_default_origin_and_what_is_inert(database: Path) -> None:
    app = application(database)
    async with app.run_test(size=LARGE) as pilot:
        await ready(pilot)
        await press(pilot, "comma", "z")
        await settled(pilot)
        pane = app.dashboard.panes["parameters"]
        row = next(r for r in pane.shown_rows() if r[0] == "regime.sma_fast")[1]
        assert (row["value"], row["default"], row["origin"]) == ("50", "40", "changed")
        assert row["pending"] == "next dec"
        shown = next(each for each in pane.text.splitlines() if " sma_fast " in each)
        assert "next dec" in shown
        assert "me@here" in shown
        assert any(r["inert"] for _, r in pane.shown_rows())
        await press(pilot, "d")
        assert [key for key in pane.keys] == ["regime.sma_fast"]


@pytest.mark.usefixtures("quick")
async def test_an_edit_waits_until_it_is_applied_with_a_reason(database: Path) -> None:
    asked = Asked()
    app = application(database, asked)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "comma")
        await settled(pilot)
        pane = app.dashboard.panes["parameters"]
        assert isinstance(pane, ParametersPane)
        pane.cursor = "regime.sma_fast"
        await press(pilot, "enter")
        await settled(pilot)
        assert "EDIT regime.sma_fast" in text_of(pilot)
        await press(pilot, *"x1", "enter")
        assert "allowed is an integer" in text_of(pilot)
        await press(pilot, "ctrl+u", *"30", "enter")
        assert pane.edits == {"regime.sma_fast": "30"}
        assert asked.kinds == []
        await press(pilot, "escape", "P")
        assert "not armed" in text_of(pilot)
        app.arming.arm(5)
        await press(pilot, "P")
        await settled(pilot)
        assert "regime.sma_fast: 50 → 30" in app.dashboard.confirm.text, text_of(pilot)
        await press(pilot, *"faster", "enter")
        assert asked.kinds == ["SET_PARAMETER"]
        sent = asked.requests[0]
        assert dict(sent.args) == {"strategy": "regime", "key": "sma_fast", "value": "30"}
        assert sent.reason == "faster"
        assert pane.edits == {}


@pytest.mark.usefixtures("quick")
async def test_edits_that_contradict_each_other_are_not_sent(database: Path) -> None:
    asked = Asked()
    app = application(database, asked)
    app.arming.arm(5)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "comma")
        await settled(pilot)
        pane = app.dashboard.panes["parameters"]
        assert isinstance(pane, ParametersPane)
        pane.edit("regime.sma_fast", "300")
        await press(pilot, "P")
        assert "sma_fast" in app.dashboard.message.text
        assert not app.dashboard.confirm.display
        assert asked.kinds == []


async def test_undo_takes_an_edit_back_then_prepares_the_way_back(database: Path) -> None:
    app = application(database)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "comma")
        await settled(pilot)
        pane = app.dashboard.panes["parameters"]
        assert isinstance(pane, ParametersPane)
        pane.cursor = "regime.sma_fast"
        pane.edit("regime.sma_fast", "30")
        await press(pilot, "u")
        assert pane.edits == {}
        await press(pilot, "u")
        assert pane.edits == {"regime.sma_fast": "40"}


async def test_a_read_only_screen_edits_nothing(database: Path) -> None:
    asked = Asked()
    app = application(database, asked, options=ScreenOptions(read_only=True))
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "comma", "j", "enter")
        await settled(pilot)
        assert not app.dashboard.confirm.display
        await press(pilot, "escape", "P", "u")
        assert asked.kinds == []
        assert not app.dashboard.confirm.display


# -- equity --------------------------------------------------------------------------------


async def test_equity_in_full_has_curve_drawdown_cells_and_months(database: Path) -> None:
    app = application(database)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "e")
        await settled(pilot)
        text = text_of(pilot)
        for words in ("Equity 11,443.00", "Jan  Feb", "2026", "dd 0", " cell", "11,443"):
            assert words in text, words
        assert "█" in text or "▀" in text
        await press(pilot, "-")
        assert "Equity · year" in text_of(pilot)
        await press(pilot, "#")
        assert "log scale" in text_of(pilot)


def test_month_returns_multiply_to_the_year() -> None:
    rows = [
        {"session_date": f"2026-{month:02d}-{day:02d}", "equity": 100.0 * 1.01 ** (month * 2 + day),
         "cumulative_return": None}
        for month in (1, 2, 3)
        for day in (1, 2)
    ]  # fmt: skip
    table = performance.month_returns(rows)[2026]
    product = 1.0
    for month in (1, 2, 3):
        product *= 1 + table[month]
    assert product == pytest.approx(1 + table[0])


def test_a_gap_in_the_benchmark_stays_unknown() -> None:
    rows = [{"session_date": f"2026-01-0{n}", "equity": 100.0 + n} for n in (1, 2, 3)]
    closes = {"2026-01-01": {"close": 50.0}, "2026-01-03": {"close": 60.0}}
    assert performance.benchmark(rows, closes) == [
        pytest.approx(101.0), None, pytest.approx(121.2)
    ]  # fmt: skip
    assert performance.benchmark(rows, {}) == [None] * 3


# -- alerts --------------------------------------------------------------------------------


async def test_enter_on_an_alert_shows_what_to_do_about_it(tmp_path: Path) -> None:
    kind = seed.alert(3, Severity.CRITICAL, "slot_missed", "missed by 92 s")
    app = application(seeded(tmp_path / "a.db", [*seed.story(), unit(kind, at=seed.ago(3))]))
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "7", "j", "enter")
        await settled(pilot)
        assert "It is not made up" in text_of(pilot)
        assert "alr_000000000003" in text_of(pilot)


async def test_alerts_are_snoozed_and_acknowledged_together(database: Path) -> None:
    asked = Asked()
    app = application(database, asked)
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "7", "j", "m")
        assert asked.kinds == ["SNOOZE"]
        assert asked.requests[0].args["minutes"] == "60"
        await press(pilot, "A")
        assert asked.kinds == ["SNOOZE", "ACKNOWLEDGE", "ACKNOWLEDGE"]
        assert len({request.args["alert_id"] for request in asked.requests[1:]}) == 2


def test_a_runbook_entry_takes_eight_lines_of_eighty_columns() -> None:
    for code in (*ALERTS, *(reason.value for reason in DenyReason)):
        assert 4 <= len(runbook_lines(code, 80)) <= 8, code


def test_a_recorded_clock_has_no_quote_to_age_and_says_synthetic() -> None:
    view = sample.view(session=(sample.session(recorded_clock=1),))
    fields = status_fields(view, Shown("safe"), read_only=False, now=sample.NOW)
    texts = [field.text for field in fields]
    assert "q ·" in texts
    assert "SYNTHETIC" in texts


@pytest.mark.parametrize(
    ("link", "shown", "said"),
    [
        ("LIVE", "IB●", ""),
        ("SYNCING", "IB◐ sync", "Entries blocked: SYNCING"),
        ("LINK_DOWN", "IB○ down", "Entries blocked: LINK_DOWN: attempt 3"),
        ("UPSTREAM_DOWN", "IB○ upstr", "Entries blocked: UPSTREAM_DOWN: attempt 3"),
        ("BLACKOUT", "IB○ night", "Entries blocked: BLACKOUT"),
        ("READ_ONLY", "IB○ r/o", "Entries blocked: READ_ONLY"),
    ],
)
def test_the_link_is_told_in_the_status_line_and_why_in_words(
    link: str, shown: str, said: str
) -> None:
    session = sample.session(mode="paper", source="IB 127.0.0.1", link=link, link_text="attempt 3")
    view = sample.view(session=(session,))
    fields = status_fields(view, Shown("safe"), read_only=False, now=sample.NOW)
    assert shown in [field.text for field in fields]
    assert all(len(field.text) <= field.width for field in fields if field.text == shown)
    told = messages(view, sample.NOW, hint=None, engine_end=None, own=None)
    assert any(one.text.startswith(said) for one in told if said) is bool(said)


@pytest.mark.parametrize(
    ("link", "reach", "shown"),
    [
        ("LIVE", {"round_trip_ms": 12.4, "tries": 0}, "IB● 12ms"),
        ("LIVE", {"round_trip_ms": 12_345.0, "tries": 0}, "IB● 12.3s"),
        ("LIVE", {"round_trip_ms": None, "tries": 0}, "IB●"),
        ("LINK_DOWN", {"round_trip_ms": None, "tries": 7}, "IB○ try 7"),
        ("LINK_DOWN", {"round_trip_ms": None, "tries": 400}, "IB○ try99"),
        ("SYNCING", {"round_trip_ms": 12.4, "tries": 0}, "IB◐ sync"),
    ],
)
def test_the_link_says_how_fast_it_answers_and_how_often_it_was_tried(
    link: str, reach: dict[str, object], shown: str
) -> None:
    session = sample.session(mode="paper", link=link, link_text="")
    view = sample.view(session=(session,), beat=(sample.beat(reach=reach),))
    fields = status_fields(view, Shown("safe"), read_only=False, now=sample.NOW)
    (field,) = (field for field in fields if field.text == shown)
    assert len(shown) <= field.width == 9


def test_a_wide_line_says_how_long_until_the_close_and_until_the_next_slot() -> None:
    def wide(**changes: object) -> list[str]:
        view = sample.view(beat=(sample.beat(**changes),))
        return [str(field.text) for field in wide_fields(view)]

    slot_in_4 = f"15min_before_close {sample.ago(-271)}"
    assert wide(next_slot=slot_in_4)[:3] == ["ET", "ends 18m", "c-15 4m31"]
    assert wide(hours=f"close {sample.ago(-7500)}", next_slot="")[1:3] == ["ends 2h05", "slot ·"]
    assert wide(hours=f"open {sample.ago(-230_000)}")[1] == "opens 2d"
    assert wide(hours="")[1] == "ends ·"


def test_outside_hours_no_quote_is_old_the_exchange_is_shut() -> None:
    view = sample.view(beat=(sample.beat(hours=f"open {sample.ago(-60_000)}"),))
    fields = status_fields(view, Shown("safe"), read_only=False, now=sample.NOW)
    assert "shut" in [field.text for field in fields]


def test_every_field_of_a_wide_line_fits_whatever_it_says() -> None:
    beat = sample.beat(wall_at=sample.ago(9), hours=f"close {sample.ago(-9000)}",
                       next_slot=f"close {sample.ago(-9000)}")  # fmt: skip
    view = sample.view(beat=(beat,))
    fields = [*status_fields(view, Shown("ARMED 04:31"), read_only=False, now=sample.NOW),
              *wide_fields(view)]  # fmt: skip
    assert sum(field.width + 1 for field in fields) - 1 == 120
    assert all(len(field.text) <= field.width for field in fields)
    assert sum(field.width + 1 for field in fields[:11]) - 1 == 79


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(59, "59s"), (61, "1m01"), (599, "9m59"), (1799, "29m"), (3600, "1h00"), (35_999, "9h59"),
     (36_000, "10h"), (90_000, "1d"), (-3, "0s"), (None, "·")],
)  # fmt: skip
def test_what_is_left_takes_four_cells(seconds: float | None, shown: str) -> None:
    assert time_left(seconds) == shown
