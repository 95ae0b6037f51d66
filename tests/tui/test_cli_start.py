"""What a command loads, how fast it answers, how it says no."""

import time
from pathlib import Path

import pytest

from tests.tui.commands import Here, process

LOADED = """
import sys
from tui.cli import run
code = run(sys.argv[1:])
heavy = {"pandas", "numpy", "textual", "ib_insync", "exchange_calendars", "pydantic"}
sys.stderr.write("LOADED " + ",".join(sorted(heavy & set(sys.modules))) + "\\n")
sys.exit(code)
"""

QUICK = (("--help",), ("status",), ("status", "--json"), ("halt", "--reason", "a test"))


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    """The command line in this process."""
    return Here(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize("arguments", QUICK, ids=" ".join)
def test_quick_commands_load_nothing_heavy(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    said = process(tmp_path, *arguments, code=LOADED)
    assert said.code == 0, said.err
    assert said.err.splitlines()[-1] == "LOADED "


@pytest.mark.bench
@pytest.mark.parametrize("arguments", QUICK, ids=" ".join)
def test_quick_commands_answer_in_under_300_ms(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    process(tmp_path, *arguments)
    took = []
    for _ in range(5):
        start = time.perf_counter()
        process(tmp_path, *arguments)
        took.append(time.perf_counter() - start)
    print(f"{' '.join(arguments)}: {min(took) * 1000:.0f} ms")
    assert min(took) < 0.3


def test_a_run_written_plainly_does_without_the_command_line_library(tmp_path: Path) -> None:
    code = LOADED.replace('"pydantic"', '"typer"')
    plain = process(tmp_path, "run", "--db", str(tmp_path / "p.db"), code=code)
    full = process(tmp_path, "run", "--read-only", "--db", str(tmp_path / "p.db"), code=code)
    assert [said.code for said in (plain, full)] == [2, 2]  # there is no terminal
    assert plain.err.splitlines()[:-1] == full.err.splitlines()[:-1]
    assert plain.err.splitlines()[-1] == "LOADED "
    assert full.err.splitlines()[-1] == "LOADED typer"


def test_headless_rows_and_status_leave_the_screen_alone(tmp_path: Path) -> None:
    for arguments in (("orders",), ("run", "--no-ui", "--mode", "paper")):
        said = process(tmp_path, *arguments, code=LOADED)
        assert "textual" not in said.err.splitlines()[-1]


@pytest.mark.parametrize("columns", ["80", "100", "200"])
@pytest.mark.parametrize("group", ["", "params", "config", "db", "gateway"])
def test_lists_of_commands_say_whole_sentences(
    here: Here, monkeypatch: pytest.MonkeyPatch, group: str, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    listed = here(*group.split(), "--help").out.split("Commands:")[1]
    assert "..." not in listed
    assert "…" not in listed
    assert max(map(len, listed.splitlines())) <= int(columns)


def test_help_of_every_command_has_examples_and_the_common_options(here: Here) -> None:
    listed = here("--help").out.split("Commands:")[1].split()
    commands = [["run"], ["backtest"], ["status"], ["export"], ["explain"], ["reconcile"]]
    for group, names in (
        ("params", ("list", "set", "history")),
        ("config", ("show", "check")),
        ("db", ("check", "backup", "restore")),
    ):
        commands += [[group, name] for name in names]
    commands += [[name] for name in ("halt", "reduce", "resume", "pause", "continue", "flatten")]
    commands += [[name] for name in ("cancel", "stop", "schedule", "doctor", "regimes", "signals")]
    commands += [[name] for name in ("orders", "trades", "positions", "alerts", "sessions")]
    commands += [["snapshots"], ["journal"], ["gateway"], ["gateway", "fault"]]
    commands += [["attach"], ["replay"], ["panic"]]
    for command in commands:
        assert command[0] in listed
        text = here(*command, "--help").out
        assert "Examples:" in text, command
        assert "--db FILE" in text, command
        assert "--config FILE" in text, command
    assert "notify" not in listed


@pytest.mark.parametrize(
    "arguments",
    [
        ("bogus",),
        ("--bogus",),
        ("orders", "--limit", "0"),
        ("orders", "--limit", "many"),
        ("halt",),
        ("cancel", "--reason", "x"),
        ("export", "bogus", "--output", "x.csv"),
        ("export", "orders", "--output", "x.txt"),
        ("backtest", "--set", "nothing"),
        ("reconcile", "--settle", "ord_1"),
        ("sessions", "--since", "yesterday"),
    ],
    ids=" ".join,
)
def test_a_usage_error_is_exit_2_without_a_traceback(
    here: Here, arguments: tuple[str, ...]
) -> None:
    said = here(*arguments)
    assert said.code == 2
    assert said.err
    assert "Traceback" not in said.err


def test_all_errors_of_the_settings_are_told_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[sim]\nfil = "next_open"\nseed = "x"\n[regime]\nsma_fast = 300\nsma_slow = 60\n'
        "[risk.regime]\norder_size = 0.3\n"
    )
    arguments = ("--no-ui", "--capital", "5", "--set", "t_max=abc", "--from", "2012-13-01")
    for command in ("run", "backtest"):
        given = arguments if command == "run" else arguments[1:]
        said = process(tmp_path, command, *given)
        assert said.code == 2
        assert said.out == ""
        lines = said.err.splitlines()
        for part in (
            "--capital = 5: a number from 100 to 1000000000",
            '--from = "2012-13-01": a date YYYY-MM-DD',
            'config.toml: sim.fil = "next_open": unknown key; did you mean sim.fill?',
            'config.toml: sim.seed = "x": a whole number',
            '--set t_max = "abc": allowed is a number in 20..100',
            "config.toml: regime.sma_fast = 300: allowed is an integer in 5..100",
        ):
            assert any(part in line for line in lines), said.err
        assert sorted(path.name for path in tmp_path.iterdir()) == ["config.toml"]


def test_limits_that_contradict_a_cell_are_exit_2(here: Here) -> None:
    said = here("run", "--no-ui", "--set", "risk.symbol_exposure=0.3")
    assert said.code == 2
    assert "regime cell 2 (Fragile) needs QQQ at weight 1" in said.err
    assert list(here.folder.iterdir()) == []


def test_live_is_refused_key_by_key(here: Here) -> None:
    caps = ("--set", "live.max_order_usd=1000", "--set", "live.max_day_usd=5000")
    assert here("run", "--no-ui", "--mode", "live").code == 2
    refused = here("run", "--no-ui", "--mode", "live", *caps)
    assert refused.code == 3
    assert "live.enabled = false, true is needed" in refused.err
    assert "--confirm is not given" in refused.err
    given = ("--set", "live.enabled=true", "--confirm")
    assert here("run", "--no-ui", "--mode", "live", *caps, *given).code == 2
    paper = here("run", "--no-ui", "--mode", "paper")
    assert paper.code == 2
    assert "ibkr.port: missing" in paper.err
    assert "ibkr.account: missing" in paper.err
    assert here("config", "check", "--set", "run.mode=paper").code == 2
    assert here("config", "check", "--set", "run.mode=live", *caps).code == 2
    assert list(here.folder.iterdir()) == []


def test_options_of_recorded_data_are_refused_where_the_broker_gives_it(here: Here) -> None:
    place = ("--set", "ibkr.port=1", "--set", "ibkr.account=DU0000001")
    recorded = ("--from", "2016-01-04", "--data", ".", "--pace", "max")
    refused = here("run", "--no-ui", "--mode", "paper", *place, *recorded)
    assert refused.code == 2
    for words in ("--from = 2016-01-04", "--data = .", "--pace = max"):
        assert f"{words}: in mode paper market and clock are the broker's" in refused.err
    assert list(here.folder.iterdir()) == []


def test_a_backtest_goes_as_fast_as_it_goes_wherever_its_mode_comes_from(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[run]\nmode = "backtest"\n')
    span = "--from", "2016-01-04", "--to", "2018-12-31"  # five minutes at the usual pace
    said = process(tmp_path, "run", "--no-ui", *span, "--db", "p.db")
    assert said.code == 0
    assert "COMPLETED" in said.err


def test_a_screen_needs_a_terminal(tmp_path: Path) -> None:
    said = process(tmp_path)
    assert said.code == 2
    assert "--no-ui" in said.err
    assert list(tmp_path.iterdir()) == []


def test_an_unexpected_failure_names_the_log_and_shows_no_traceback(tmp_path: Path) -> None:
    code = "import sys, tui.commands.standing as s\ns.collect = lambda path: 1 / 0\n" + LOADED
    said = process(tmp_path, "status", code=code)
    log = tmp_path / "state" / "pilothouse" / "pilothouse.log"
    assert said.code == 1
    assert str(log) in said.err
    assert "Traceback" not in said.err
    assert "ZeroDivisionError" in log.read_text()


@pytest.mark.parametrize("database", ["/proc/p.db", "/proc/none/p.db"])
def test_a_place_that_cannot_be_written_is_exit_5(tmp_path: Path, database: str) -> None:
    for arguments in (("backtest",), ("halt", "--reason", "x")):
        said = process(tmp_path, *arguments, "--db", database)
        assert said.code == 5, said.err
        assert database in said.err
        assert "Traceback" not in said.err


def test_a_reader_that_leaves_early_is_no_failure(tmp_path: Path) -> None:
    code = "import subprocess, sys\n" + (
        "shown = subprocess.Popen([sys.executable, '-m', 'tui', 'config', 'show'],"
        " stdout=subprocess.PIPE, stderr=subprocess.PIPE)\n"
        "shown.stdout.close()\n"
        "sys.exit(shown.wait() or len(shown.stderr.read()))"
    )
    assert process(tmp_path, code=code).code == 0
