"""Walk over every pane in tmux, at 80x24 and 120x40, and compare every number with `--json`.

The engine runs offline on the built-in market until there is something to see, then it is paused,
so that numbers stand. What was on the screen goes to `walk-COLUMNSxROWS.txt` in the folder given,
and to stdout. Ends with 1 where a number differs.
"""

import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.walk import agree, charts
from tests.walk.agree import Check, Said, Shown
from tests.walk.tally import Tally
from tests.walk.terminal import Terminal
from tui.layout import Box, boxes, shows_several

SIZES = ((80, 24), (120, 40))
FILLS, WITHIN_S = 8, 90.0
KINDS = (
    "regimes", "signals", "orders", "trades", "positions", "alerts", "sessions", "snapshots",
    "journal",
)  # fmt: skip


def check_equity(tally: Tally, shown: Shown, said: Said) -> None:
    """Figures and, where there is room, the chart."""
    agree.check_equity(tally, shown, said)
    charts.check_equity_chart(tally, shown, said)


PANES: tuple[tuple[str, str, Check | None], ...] = (
    ("1", "overview", agree.check_overview),
    ("2", "regime", agree.check_regime),
    ("3", "positions", agree.check_positions),
    ("4", "orders", agree.check_orders),
    ("5", "fills", agree.check_fills),
    ("6", "signals", agree.check_signals),
    ("7", "alerts", agree.check_alerts),
    ("8", "reconciliation", agree.check_reconciliation),
    ("9", "sessions", agree.check_sessions),
    ("0", "log", agree.check_log),
    ("e", "equity", check_equity),
    ("v", "chart", charts.check_chart),
    (",", "parameters", agree.check_parameters),
    ("?", "help", None),
)
"""Key, pane, and what compares its numbers."""
EXPECTED = (
    "Overview", "Regime", "Positions", "Orders", "Fills", "Signals", "Reconciliation", "Sessions",
    "Log", "Equity", "Chart", "Parameters", "status", "strip",
)  # fmt: skip
"""Where at least one number must have been compared; of positions only if there are any."""

CHECKS = {name: check for _, name, check in PANES} | {"card": agree.check_card}


def main(folder: Path) -> int:
    """Walk at every size; return the exit code."""
    if shutil.which("tmux") is None:
        print("walk: skipped, tmux is not installed here (it plays the terminal)")
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    bad = 0
    for columns, rows in SIZES:
        with tempfile.TemporaryDirectory(prefix="walk-") as home:
            text, tally = walk(Path(home), columns, rows)
        places = ", ".join(f"{name} {count}" for name, count in sorted(tally.places.items()))
        result = f"{tally.numbers} numbers compared, {len(tally.differ)} differ"
        text += "\n".join(["", *tally.differ, places, f"{tally.words} words compared", result, ""])
        path = folder / f"walk-{columns}x{rows}.txt"
        path.write_text(text, encoding="utf-8")
        print(text)
        print(f"{columns}x{rows}: {result}; written to {path}", file=sys.stderr)
        bad += len(tally.differ)
    return 1 if bad else 0


def walk(home: Path, columns: int, rows: int) -> tuple[str, Tally]:
    """Return what was on the screen, pane by pane, and what was compared."""
    terminal = Terminal(
        home, columns, rows, "run", "--pace", "40/s", "--db", "walk.db", "--strategy", "regime"
    )
    tally, seen = Tally(), [f"pilothouse run --pace 40/s, {columns}x{rows}, paused with p"]
    try:
        begin(terminal)
        said = everything(terminal)
        for key, pane, check in PANES:
            terminal.press(key)
            seen += captured(terminal, key, tally, said, placed(columns, rows, pane))
            if shows_several(columns, rows) and check is not None:
                terminal.press("z")
                area = {pane: Box(0, 0, columns, rows - 4)}
                seen += captured(terminal, f"{key} z", tally, said, area)
                terminal.press("z")
            if pane in ("orders", "fills", "signals"):
                terminal.press("Enter")
                seen += captured(terminal, f"{key} enter", tally, said, {})
                for _ in range(2):
                    terminal.press("Escape")
                    terminal.settled()  # a key right behind it would be alt and that key
        after = everything(terminal)
        if after.rows != said.rows:
            tally.differ.append("rows changed while the engine was paused")
        for name in EXPECTED:
            flat = name in ("Positions", "Reconciliation") and not said.held
            if not tally.places[name] and not flat:
                tally.differ.append(f"{name}: no number was compared")
        leave(terminal)
    finally:
        terminal.close()
    return "\n".join(seen), tally


def begin(terminal: Terminal) -> None:
    """Let the engine run until there is something to compare, then pause it."""
    terminal.until(lambda lines: lines[0].startswith("OFFLINE"), "the first screen")
    end = time.monotonic() + WITHIN_S
    while terminal.ask("status", "--db", "walk.db").get("counts", {}).get("fills", 0) < FILLS:
        assert time.monotonic() < end, "too few fills in time"
        time.sleep(0.5)
    terminal.press("p")
    terminal.until(lambda lines: "PAUSED" in lines[0], "the pause")
    terminal.settled()


def everything(terminal: Terminal) -> Said:
    """Ask every command that prints rows."""
    given = ("--db", "walk.db")
    rows = {kind: terminal.ask(kind, "--limit", "1000000", *given) for kind in KINDS}
    status = terminal.ask("status", *given)
    return Said(status, rows, terminal.ask("params", "list", *given))


def placed(columns: int, rows: int, pane: str) -> dict[str, Box]:
    """Return where each pane is after the key of one was pressed."""
    return boxes(columns, rows, rows - 4, pane)


def captured(
    terminal: Terminal, keys: str, tally: Tally, said: Said, where: dict[str, Box]
) -> list[str]:
    """Return the screen once it stands still; compare every pane that is on it."""
    lines = terminal.settled()
    agree.check_frame(tally, lines, said)
    for pane, box in where.items():
        check = CHECKS.get(pane)
        if check is not None:
            check(tally, Shown(lines, box), said)
    size = f"{terminal.columns}x{terminal.rows}"
    return [f"--- {size} key {keys}", *(line.rstrip() for line in lines)]


def leave(terminal: Terminal) -> None:
    """Stop the session and leave, as a person would."""
    for key in ("Escape", "Q"):
        terminal.press(key)
        time.sleep(0.8)  # an answer within 400 ms of its question, or 500 ms after esc, is dropped
    terminal.press("s")
    time.sleep(1.0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
