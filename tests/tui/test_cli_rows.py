"""Rows, exports and explanations of one real run on the built-in market."""

import csv
import json
from contextlib import closing
from pathlib import Path

import pytest

from storage.connect import open_reader
from tests.tui.commands import Here, process

RANGE = ("--from", "2023-01-03", "--to", "2023-12-29")
CONTRACT = {
    "sessions": "session_id parent_session_id mode dry_run strategy_ids state started_at ended_at "
    "end_reason config_hash decisions_hash fills_hash",
    "regimes": "session_id strategy_id session_date cell trend vol t_norm z_score sma_fast "
    "sma_slow vol_crush close provisional short_history",
    "signals": "signal_id session_id strategy_id symbol kind target_weight session_date state "
    "reason",
    "orders": "order_id order_ref session_id strategy_id signal_id symbol side quantity "
    "order_type limit_price status filled average_price perm_id reason created_at",
    "trades": "exec_id order_id session_id strategy_id symbol side quantity price commission "
    "slippage_bps at",
    "positions": "session_id strategy_id symbol quantity average_cost market_price market_value "
    "unrealized_pnl realized_pnl priced_at",
    "alerts": "alert_id session_id severity kind subject text count first_at last_at state",
    "snapshots": "session_id strategy_id session_date equity cash daily_return "
    "cumulative_return drawdown cell held_cell trend vol",
    "journal": "seq session_id at known_at kind subject causation_seq payload hash",
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database after a year of the built-in market and a second, shorter session."""
    folder = tmp_path_factory.mktemp("ran")
    for arguments in (RANGE, ("--from", "2023-06-01", "--to", "2023-12-29")):
        said = process(folder, "backtest", *arguments, "--db", "p.db", "--json")
        assert said.code == 0, said.err
        (folder / f"{arguments[1]}.json").write_text(said.out)
    return folder / "p.db"


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    """The command line in this process."""
    return Here(tmp_path, monkeypatch, capsys)


FLAGS = {
    "sessions": "dry_run recorded_clock",
    "regimes": "vol_crush provisional short_history bond_bull",
    "orders": "is_exit cancel_requested held",
    "snapshots": "final",
}


@pytest.mark.parametrize("kind", FLAGS)
def test_what_is_yes_or_no_is_a_boolean_in_json(
    ran: Path, here: Here, tmp_path: Path, kind: str
) -> None:
    (row,) = here(kind, "--json", "--db", str(ran), "--limit", "1").json
    here("export", kind, "--output", str(tmp_path / "x.json"), "--db", str(ran))
    exported = json.loads((tmp_path / "x.json").read_text())[-1]
    for name in FLAGS[kind].split():
        assert type(row[name]) is bool, name
        assert row[name] is exported[name]


def test_status_tells_booleans_and_how_a_strategy_stands(ran: Path, here: Here) -> None:
    said = here("status", "--json", "--db", str(ran)).json
    assert said["session"]["dry_run"] is False
    assert said["session"]["recorded_clock"] is True
    assert [(one["strategy_id"], one["state"]) for one in said["strategies"]] == [
        ("regime", "ACTIVE")
    ]


@pytest.mark.parametrize("kind", CONTRACT)
def test_rows_carry_the_columns_of_the_contract(ran: Path, here: Here, kind: str) -> None:
    rows = here(kind, "--json", "--db", str(ran), "--limit", "3").json
    if kind != "alerts":
        assert rows
    for row in rows:
        assert set(CONTRACT[kind].split()) <= set(row)
    text = here(kind, "--db", str(ran)).out
    assert text.strip()


def test_rows_are_the_newest_and_the_oldest_of_them_comes_first(ran: Path, here: Here) -> None:
    three = here("journal", "--json", "--limit", "3", "--db", str(ran)).json
    five = here("journal", "--json", "--limit", "5", "--db", str(ran)).json
    assert five[2:] == three
    assert [row["seq"] for row in five] == sorted(row["seq"] for row in five)
    assert len(here("journal", "--json", "--db", str(ran)).json) == 20


def test_rows_of_a_session_and_since_a_day(ran: Path, here: Here) -> None:
    first, second = here("sessions", "--json", "--db", str(ran)).json
    newest = here("snapshots", "--json", "--limit", "1000", "--db", str(ran)).json
    assert {row["session_id"] for row in newest} == {second["session_id"]}
    short = first["session_id"].rpartition("-")[2]
    command = ("snapshots", "--json", "--limit", "1000", "--db", str(ran))
    older = here(*command, "--session", short).json
    assert {row["session_id"] for row in older} == {first["session_id"]}
    assert len(older) > len(newest)
    late = here(*command, "--session", short, "--since", "2023-12-01").json
    assert late == [row for row in older if row["session_date"] >= "2023-12-01"]
    instant = here(*command, "--session", short, "--since", "2023-12-01T09:00:00Z").json
    assert instant == late
    for none in ("00000000", ""):
        said = here(*command, "--session", none)
        assert (said.code, f"--session = {none!r}: no session" in said.err) == (2, True)


def test_no_database_has_no_rows_and_status_says_so(here: Here) -> None:
    for kind in CONTRACT:
        assert here(kind, "--json").json == []
        said = here(kind)
        assert (said.code, "there is no database" in said.err) == (0, True)
    status = here("status", "--json").json
    assert status["session"] is None
    assert status["engine"] == {"running": False}
    assert here("status").code == 0
    assert list(here.folder.iterdir()) == []


def test_something_that_is_no_database_is_exit_5(here: Here) -> None:
    (here.folder / "p.db").write_bytes(b"not a database at all" * 100)
    said = here("orders", "--db", "p.db")
    assert said.code == 5
    assert "db restore" in said.err


def test_a_database_that_is_being_made_has_no_rows_yet(here: Here) -> None:
    (here.folder / "p.db").touch()
    assert here("orders", "--json", "--db", "p.db").json == []
    assert here("status", "--json", "--db", "p.db").json["session"] is None


def test_export_writes_the_same_rows_and_never_overwrites(ran: Path, here: Here) -> None:
    rows = here("trades", "--json", "--limit", "1000", "--db", str(ran)).json
    assert here("export", "trades", "--output", "t.json", "--db", str(ran)).code == 0
    assert json.loads((here.folder / "t.json").read_text()) == rows
    assert here("export", "trades", "--output", "t.csv", "--db", str(ran)).code == 0
    with (here.folder / "t.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [row["exec_id"] for row in read] == [row["exec_id"] for row in rows]
    assert [float(row["price"]) for row in read] == [row["price"] for row in rows]
    before = (here.folder / "t.csv").read_bytes()
    again = here("export", "orders", "--output", "t.csv", "--db", str(ran))
    assert again.code == 2
    assert (here.folder / "t.csv").read_bytes() == before
    forced = here("export", "orders", "--output", "t.csv", "--db", str(ran), "--force")
    assert forced.code == 0
    assert (here.folder / "t.csv").read_bytes() != before
    here("export", "trades", "--output", "n.csv", "--db", str(ran), "--since", "2099-01-01")
    assert (here.folder / "n.csv").read_text().split(",")[:2] == ["exec_id", "order_id"]
    assert sorted(path.name for path in here.folder.iterdir()) == ["n.csv", "t.csv", "t.json"]


def test_explain_prints_the_chain_from_the_bars_to_the_position(ran: Path, here: Here) -> None:
    order = here("orders", "--json", "--limit", "1", "--db", str(ran)).json[0]
    fill = here("trades", "--json", "--limit", "1", "--db", str(ran)).json[0]
    text = here("explain", order["order_id"], "--db", str(ran)).out
    order_of_facts = [
        text.index(part)
        for part in (
            "RegimeRead:", "DecisionMade:", "bars QQQ:", "Strength T", "deviation", "target QQQ",
            "SignalRaised:", "OrderApproved:", "sizing: e ", "RiskChecked:", "order_size",
            "SendStarted:", "Accepted:", "FillReceived:", "PositionChanged:", "CashChanged:",
            "OrderFilled:",
        )
    ]  # fmt: skip
    assert order_of_facts == sorted(order_of_facts)
    for wanted in (order["order_id"], order["signal_id"], fill["exec_id"]):
        document = here("explain", wanted, "--json", "--db", str(ran)).json
        assert document["orders"][0]["order_id"] == order["order_id"], wanted
        seqs = [fact["seq"] for fact in document["facts"]]
        assert seqs == sorted(seqs)
        assert len(document["risk_checks"]) == 30


def test_explain_of_an_unknown_id_is_exit_2(ran: Path, here: Here) -> None:
    for database in (str(ran), "none.db"):
        said = here("explain", "ord_nothing", "--db", database)
        assert said.code == 2
        assert "ord_nothing" in said.err


def test_status_of_a_finished_run(ran: Path, here: Here) -> None:
    status = here("status", "--json", "--db", str(ran)).json
    assert status["session"]["state"] == "COMPLETED"
    assert status["mode"] == "backtest"
    assert status["trading_state"]["state"] == "ACTIVE"
    assert status["engine"] == {"running": False}
    snapshot = here("snapshots", "--json", "--limit", "1", "--db", str(ran)).json[0]
    assert status["equity"] == snapshot["equity"]
    assert status["equity_date"] == snapshot["session_date"] == "2023-12-29"
    text = here("status", "--db", str(ran)).out
    assert "fills at next_open" in text


def test_the_quick_way_says_what_the_full_command_line_says(ran: Path, here: Here) -> None:
    from tui.commands.table import app

    for arguments in (["status", "--db", str(ran)], ["status", "--json", "--db", str(ran)]):
        quick = here(*arguments)
        with pytest.raises(SystemExit) as end:
            app(arguments)
        assert end.value.code == quick.code == 0
        assert here.said().out == quick.out


def test_the_result_has_every_figure_of_the_promise(ran: Path) -> None:
    result = json.loads((ran.parent / "2023-01-03.json").read_text())
    assert {
        "session_id", "mode", "strategy", "preset", "parameter_hash", "data", "from", "to",
        "fill_rule", "costs", "initial_capital", "final_equity", "total_return", "cagr",
        "volatility", "sharpe", "sortino", "calmar", "max_drawdown", "win_rate", "profit_factor",
        "turnover", "orders", "fills", "sessions", "short_history_sessions", "cells", "baseline",
        "latches", "decisions_hash", "fills_hash", "wall_s", "bars_per_s",
    } <= set(result)  # fmt: skip
    assert {"symbols", "first", "last", "bars", "source"} <= set(result["data"])
    assert result["from"] == "2023-01-03"
    assert result["data"]["source"].startswith("SYNTHETIC")


def test_the_summary_for_people_names_the_conditions(tmp_path: Path) -> None:
    said = process(tmp_path, "backtest", *RANGE, "--fill", "same_close", "--db", "p.db")
    assert said.code == 0, said.err
    for part in (
        "same_close, which is not achievable",
        "SYNTHETIC",
        "sim.slippage_bps",
        "default (c8ff8a1b35a3c934)",
    ):
        assert part in said.out
    assert said.err == ""


def test_equal_runs_have_equal_hashes(ran: Path, tmp_path: Path) -> None:
    again = process(tmp_path, "backtest", *RANGE, "--db", "q.db", "--json").json
    first = json.loads((ran.parent / "2023-01-03.json").read_text())
    assert again["fills_hash"] == first["fills_hash"]
    assert again["decisions_hash"] == first["decisions_hash"]


def test_db_check_backup_and_restore(ran: Path, here: Here) -> None:
    database = str(ran)
    assert here("db", "check", "--db", database).code == 0
    made = here("db", "backup", "--db", database, "--json").json
    assert Path(made["path"]).parent == ran.parent / "backups"
    assert here("db", "restore", "--db", database, "--json").json[0]["seq"] == made["seq"]
    assert here("db", "restore", made["path"], "--db", "new.db").code == 3
    assert here("db", "restore", made["path"], "--db", "new.db", "--confirm").code == 0
    assert here("db", "check", "--db", "new.db").code == 0
    with closing(open_reader(here.folder / "new.db")) as reader:
        assert reader.execute("SELECT max(seq) FROM v_events").fetchone()[0] == made["seq"]


def test_an_edited_event_is_found_by_db_check(ran: Path, here: Here) -> None:
    here("db", "backup", "--db", str(ran))
    copy = here("db", "restore", "--db", str(ran), "--json").json[0]["path"]
    bytes_ = Path(copy).read_bytes()
    marked = bytes_.replace(b'"reason":"cell', b'"reason":"CELL', 1)
    assert marked != bytes_
    (here.folder / "edited.db").write_bytes(marked)
    said = here("db", "check", "--db", "edited.db", "--json")
    assert said.code == 7
    assert not said.json["ok"]
