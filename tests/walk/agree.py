"""Pane by pane: what stands on the screen and what `--json` says of it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.walk.tally import Tally
from tui.format import EXCHANGE_ZONE
from tui.layout import Box
from tui.panes import (
    alerts,
    fills,
    log,
    orders,
    parameters,
    positions,
    reconciliation,
    regime,
    sessions,
    signals,
)
from tui.panes.orders import DONE, TYPES
from tui.widgets.table import Column, columns_for

Row = Mapping[str, Any]
DIGITS = r"([+−]?\d[\d,]*(?:\.\d+)?[kMB]?)"
NUMBER = r"([+−]?[\d,]+(?:\.\d+)?[kMB]?|·)"


@dataclass(frozen=True, slots=True)
class Said:
    """What the commands said while the engine was paused."""

    status: Row
    rows: Mapping[str, list[Row]]  # by command; the oldest first
    parameters: list[Row]

    def newest(self, kind: str) -> list[Row]:
        """Rows, the newest first."""
        return list(reversed(self.rows[kind]))

    def payload(self, kind: str) -> Row | None:
        """What the newest event of a kind says."""
        found = [row for row in self.rows["journal"] if row["kind"] == kind]
        return found[-1]["payload"] if found else None

    @property
    def made(self) -> list[Row]:
        """The decisions, as journaled."""
        return [row for row in self.rows["journal"] if row["kind"] == "DecisionMade"]

    @property
    def decisions(self) -> list[Row]:
        """What was decided, the oldest first."""
        return [row["payload"] for row in self.made]

    @property
    def held(self) -> list[Row]:
        """Open positions, in the order of the pane."""
        rows = [row for row in self.rows["positions"] if row["quantity"]]
        return sorted(rows, key=lambda r: (r["strategy_id"] is None, r["strategy_id"], r["symbol"]))

    def weight(self, row: Row) -> float | None:
        """Return what a position is of its strategy's cash and positions; None where unknown."""
        values = [held["market_value"] for held in self.held]
        if any(value is None for value in values):
            return None
        cash = self.status["strategies"][0]["cash"]
        return float(row["market_value"] / (cash + sum(values)) * 100)

    @property
    def working(self) -> list[Row]:
        """Working orders, the newest first."""
        return [row for row in self.newest("orders") if row["status"] not in DONE]


class Shown:
    """A pane on a captured screen."""

    def __init__(self, lines: Sequence[str], box: Box) -> None:
        rows = lines[2 + box.y : 2 + box.y + box.height]
        self.lines = [line[box.x : box.x + box.width].rstrip("\n") for line in rows]
        self.width = box.width

    def table(self, columns: Sequence[Column]) -> list[dict[str, str]]:
        """Return the rows below the labels, by label."""
        chosen = columns_for(columns, self.width)
        labels = [str(column.label) for column, _ in chosen]
        heads = [n for n, line in enumerate(self.lines) if line.split() == " ".join(labels).split()]
        if not heads:
            return []
        found = []
        for line in self.lines[heads[0] + 1 :]:
            if not line.strip():
                break
            row, x = {}, 1
            for column, size in chosen:
                row[str(column.label)] = line[x : x + size]
                x += size + 1
            found.append(row)
        return found

    def all(self, pattern: str) -> list[tuple[str, ...]]:
        """Return the groups of every line in which a pattern is found."""
        return [match.groups() for line in self.lines if (match := re.search(pattern, line))]


Check = Callable[[Tally, Shown, Said], None]


def in_rows(
    tally: Tally,
    pane: str,
    shown: Sequence[dict[str, str]],
    said: Sequence[Row],
    columns: Mapping[str, Callable[[Row], Any]],
    words: Mapping[str, Callable[[Row], str]],
) -> None:
    """Compare rows one by one: numbers by value, words as they are."""
    if bool(shown) != bool(said):
        tally.differ.append(f"{pane}: {len(shown)} rows are shown, --json has {len(said)}")
    for n, (row, truth) in enumerate(zip(shown, said, strict=False)):
        for label in columns.keys() & row.keys():
            tally.number(f"{pane} row {n + 1} {label}", row[label], columns[label](truth))
        for label in words.keys() & row.keys():
            tally.word(f"{pane} row {n + 1} {label}", row[label], words[label](truth))


def field(name: str, factor: float = 1) -> Callable[[Row], Any]:
    """Return a field's value, scaled as the screen shows it."""
    return lambda row: None if row.get(name) is None else row[name] * factor


def end_of(name: str) -> Callable[[Row], str]:
    """Return an id as the screen shows it."""
    return lambda row: str(row[name] or "")[-6:]


def time_of(said: Said) -> Callable[[Row], str]:
    """Return an instant as a time column shows it: time of day today, else the date."""
    today = max(row["session_date"] for row in said.rows["snapshots"] + said.decisions)

    def shown(row: Row) -> str:
        at = datetime.fromisoformat(str(row["at"]).replace("Z", "+00:00"))
        there = at.astimezone(EXCHANGE_ZONE)
        return f"{there:%H:%M:%S}" if f"{there:%Y-%m-%d}" == today else f"{there:%y-%m-%d}"

    return shown


def check_positions(tally: Tally, shown: Shown, said: Said) -> None:
    """Positions, their totals, and the weights that follow from them."""
    decided = said.payload("DecisionMade") or {}
    targets = decided.get("targets") or {}
    numbers: dict[str, Callable[[Row], Any]] = {
        "Qty": field("quantity"), "Avg": field("average_cost"), "Last": field("market_price"),
        "uPnL": field("unrealized_pnl"), "Value": field("market_value"),
        "rPnL": field("realized_pnl"), "Cost": field("cost"), "Day": lambda r: day_pnl(said, r),
        "Wgt%": said.weight,
        "Tgt%": lambda r: float(targets.get(r["symbol"], 0)) * 100,
        "Δ%": lambda r: minus(said.weight(r), float(targets.get(r["symbol"], 0)) * 100),
    }  # fmt: skip
    words = {"Sym": lambda r: r["symbol"], "S": lambda r: "L" if r["quantity"] > 0 else "S",
             "Strategy": lambda r: r["strategy_id"]}  # fmt: skip
    rows = shown.table(positions.COLUMNS)
    in_rows(tally, "Positions", rows, said.held, numbers, words)
    chosen = columns_for(positions.COLUMNS, shown.width)
    totals = next((line for line in shown.lines if line.startswith(" USD ")), None)
    if totals is None:
        return
    x = 1
    for column, size in chosen:
        if str(column.label) in ("uPnL", "Day", "Value", "rPnL"):
            values = [numbers[str(column.label)](row) for row in said.held]
            total = None if None in values else sum(values)
            tally.number(f"Positions total {column.label}", totals[x : x + size], total)
        x += size + 1


def minus(left: float | None, right: float) -> float | None:
    """Return a difference, None where a side is unknown."""
    return None if left is None else left - right


def day_pnl(said: Said, row: Row) -> float | None:
    """Value now, less value at the last close before today, and what fills moved since."""
    today = max(row["session_date"] for row in said.rows["snapshots"] + said.decisions)
    closes = [s for s in said.rows["snapshots"] if s["final"] and s["session_date"] < today]
    before = closes[-1] if closes else None
    worth = sum(
        float(quantity) * float(price)
        for instrument, quantity, price in (before["holdings"] if before else [])
        if instrument == row["instrument"]
    )
    after = before["seq"] if before else 0
    flow = sum(
        fill["quantity"] * fill["price"] * (1 if fill["side"] == "SELL" else -1)
        - fill["commission"]
        for fill in said.rows["trades"]
        if fill["seq"] > after and fill["instrument"] == row["instrument"]
    )
    return minus(row["market_value"], worth - flow)


def check_orders(tally: Tally, shown: Shown, said: Said) -> None:
    """Orders, working ones first."""
    rows = shown.table(orders.COLUMNS)
    ended = [row for row in said.newest("orders") if row["status"] in DONE]
    for row in rows:
        done, _, quantity = row["Done/Qty"].partition("/")
        row["Done"], row["Qty"] = done, quantity
    numbers = {
        "Done": field("filled"), "Qty": field("quantity"), "Avg": field("average_price"),
        "Price": lambda r: r["limit_price"] or r["stop_price"] or r["average_price"],
    }  # fmt: skip
    words = {
        "Id": end_of("order_id"), "Sym": lambda r: r["symbol"], "S": lambda r: r["side"][0],
        "Type": lambda r: str(TYPES[r["order_type"]]), "TIF": lambda r: r["time_in_force"],
        "Status": lambda r: r["status"], "From": lambda r: r["strategy_id"],
        "Signal": end_of("signal_id"), "Reason": lambda r: r["reason"],
        "Ref": lambda r: r["order_ref"],
    }  # fmt: skip
    in_rows(tally, "Orders", rows, [*said.working, *ended], numbers, words)


def check_fills(tally: Tally, shown: Shown, said: Said) -> None:
    """Executions, and their sums in the title."""
    rows = shown.table(fills.COLUMNS)
    numbers = {
        "Qty": field("quantity"), "Price": field("price"), "Slip": field("slippage_bps"),
        "Comm": field("commission"), "RefPx": field("reference_price"),
    }  # fmt: skip
    words = {
        "Time": time_of(said), "Sym": lambda r: r["symbol"], "S": lambda r: r["side"][0],
        "Order": end_of("order_id"), "From": lambda r: r["strategy_id"],
        "Exec": lambda r: r["exec_id"],
    }  # fmt: skip
    in_rows(tally, "Fills", rows, said.newest("trades"), numbers, words)
    known = said.rows["trades"]
    for (total,) in shown.all(rf"fees {NUMBER}"):
        tally.number("Fills fees", total, sum(row["commission"] for row in known))
    for (total,) in shown.all(rf"rPnL {NUMBER}"):
        realized = sum(row["realized_pnl"] for row in said.rows["positions"])
        tally.number("Fills realized, beside the positions'", total, realized)
    for (count,) in shown.all(rf"Fills · {NUMBER}"):
        tally.number("Fills count", count, said.status["counts"]["fills"])


def check_signals(tally: Tally, shown: Shown, said: Said) -> None:
    """Signals by their ids, decisions without one by theirs."""
    by_end = {row["signal_id"][-6:]: row for row in said.rows["signals"]}
    refused = {
        row["signal_id"]: row["status"] for row in said.rows["orders"]
        if row["status"] in ("DENIED", "REJECTED", "DRY_RUN")
    }  # fmt: skip
    rows = [row for row in shown.table(signals.COLUMNS) if row["Signal"].strip() in by_end]
    truth = [by_end[row["Signal"].strip()] for row in rows]
    in_rows(
        tally, "Signals", rows, truth, {"Tgt%": field("target_weight", 100)},
        {"Sym": lambda r: r["symbol"], "Kind": lambda r: r["kind"],
         "State": lambda r: str(refused.get(r["signal_id"], r["state"])),
         "From": lambda r: r["strategy_id"]},
    )  # fmt: skip
    decided = {row["subject"][-6:]: row["payload"] for row in said.made}
    for row in shown.table(signals.COLUMNS):
        payload = decided.get(row["Signal"].strip())
        if payload is not None:
            tally.word("Signals decision From", row["From"], payload["strategy"])


def check_alerts(tally: Tally, shown: Shown, said: Said) -> None:
    """Alerts that are not resolved."""
    open_ones = [row for row in said.rows["alerts"] if row["state"] != "RESOLVED"]
    by_text = {(row["kind"], row["text"][:20]): row for row in open_ones}
    rows = shown.table(alerts.COLUMNS)
    for row in rows:
        kind, text = row.get("Kind", "").strip(), row.get("Text", "").strip().rstrip("…")
        found = next((r for (k, t), r in by_text.items() if k == kind and text[:20] == t), None)
        if found is not None and "n" in row:
            tally.number(f"Alerts {kind} n", row["n"], found["count"])
            tally.word(f"Alerts {kind} State", row["State"], found["state"])
    for (count,) in shown.all(r"Alerts · (\d+) open"):
        tally.number("Alerts open", count, said.status["counts"]["alerts_open"])


def check_reconciliation(tally: Tally, shown: Shown, said: Said) -> None:
    """The verdict, and what both sides have."""
    found = said.payload("ReconciliationDone")
    if found is None:
        return
    for (verdict,) in shown.all(r"Reconciliation · (\w+)"):
        tally.word("Reconciliation verdict", verdict, found["verdict"])
    for (equal,) in shown.all(r"(\d+) items compared"):
        tally.number("Reconciliation equal", equal, found["matched"])
    held = {row["symbol"]: row["quantity"] for row in said.held}
    for row in shown.table(reconciliation.COLUMNS):
        symbol = row["Item"].strip()
        if symbol in held:
            tally.number(f"Reconciliation {symbol} ours", row["Ours"], held[symbol])
            tally.number(f"Reconciliation {symbol} broker", row["Broker"], held[symbol])


def check_sessions(tally: Tally, shown: Shown, said: Said) -> None:
    """Sessions with their fills and what they made."""
    last = said.rows["snapshots"][-1] if said.rows["snapshots"] else None
    capital = said.status["session"]["capital"]
    in_rows(
        tally, "Sessions", shown.table(sessions.COLUMNS), said.newest("sessions"),
        {"Fills": lambda r: len(said.rows["trades"]),
         "Ret%": lambda r: None if last is None else (last["equity"] / capital - 1) * 100},
        {"Id": lambda r: r["session_id"][-8:], "Mode": lambda r: r["mode"],
         "State": lambda r: r["state"], "Rule": lambda r: r["fill_rule"],
         "Config": lambda r: r["config_hash"][:8]},
    )  # fmt: skip


def check_log(tally: Tally, shown: Shown, said: Said) -> None:
    """The journal by its numbers."""
    by_seq = {row["seq"]: row for row in said.rows["journal"]}
    for row in shown.table(log.COLUMNS):
        seq = row["Seq"].strip().replace(",", "")
        found = by_seq.get(int(seq)) if seq.isdecimal() else None
        if found is None:
            tally.differ.append(f"Log: shows event {seq}, which --json does not have")
            continue
        tally.number("Log Seq", seq, found["seq"])
        tally.word("Log Kind", row["Kind"], found["kind"])


def check_equity(tally: Tally, shown: Shown, said: Said, cash: float | None = None) -> None:
    """The newest snapshot; cash as it is now where it is given."""
    if not said.rows["snapshots"]:
        return
    last = said.rows["snapshots"][-1]
    percent = {"day": "daily_return", "total": "cumulative_return", "drawdown": "drawdown"}
    for name, of in percent.items():
        for (value,) in shown.all(rf"{name} {NUMBER} %"):
            tally.number(f"Equity {name}", value, last[of] * 100)
    for (value,) in shown.all(rf"Equity {DIGITS} "):
        tally.number("Equity", value, last["equity"])
    for (value,) in shown.all(rf"cash {DIGITS} ") if cash is None else ():
        tally.number("Equity cash", value, last["cash"])
    for (value,) in shown.all(rf"cash {DIGITS}  gross") if cash is not None else ():
        tally.number("cash now", value, cash)


def check_regime(tally: Tally, shown: Shown, said: Said) -> None:
    """The card by the newest reading, the tree by the newest decision, step by step."""
    if not said.rows["regimes"]:
        return
    last = said.rows["regimes"][-1]
    check_card(tally, shown, said)
    steps = (said.payload("DecisionMade") or {}).get("steps") or []
    for row, step in zip(shown.table(regime.COLUMNS), steps, strict=False):
        where = f"Regime step {step['number']}"
        for label in ("Value", "Test", "Distance"):
            tally.text(f"{where} {label}", row[label], str(step.get(label.lower()) or ""))
        tally.word(f"{where} Result", row["Result"].replace("≈", ""), step.get("result"))
    assert last["cell"] is not None


def check_card(tally: Tally, shown: Shown, said: Said) -> None:
    """The card of the regime alone."""
    if not said.rows["regimes"]:
        return
    last = said.rows["regimes"][-1]
    for (cell,) in shown.all(r"Cell (\d)"):
        tally.number("Regime cell", cell, last["cell"])
    for (days,) in shown.all(r"(\d+) sessions? in it"):
        tally.number("Regime sessions in the cell", days, last["days_in_cell"])
    for (strength,) in shown.all(rf"T {NUMBER}  "):
        tally.number("Regime T", strength, last["t_norm"])
    for (score,) in shown.all(rf"z {NUMBER}  "):
        tally.number("Regime z", score, last["z_score"])


def check_parameters(tally: Tally, shown: Shown, said: Said) -> None:
    """Values and defaults by key."""
    known = {row["key"]: row for row in said.parameters}
    for row in shown.table(parameters.COLUMNS):
        key = row["Key"].strip().removesuffix("…")
        fitting = [name for name in known if name.startswith(key)]
        found = known.get(key) or (known[fitting[0]] if len(fitting) == 1 else None)
        if found is None:
            tally.differ.append(f"Parameters: {row['Key']} is unknown to --json")
            continue
        tally.text(f"Parameters {found['key']}", row["Value"], found["running"] or found["value"])
        tally.text(f"Parameters {found['key']} default", row["Default"], found["default"])


def check_overview(tally: Tally, shown: Shown, said: Said) -> None:
    """Its cards one by one."""
    check_card(tally, shown, said)
    cash = sum(row["cash"] for row in said.status["strategies"])
    check_equity(tally, shown, said, cash)
    worths = [row["market_value"] for row in said.held]
    invested = None if None in worths else sum(worths) / (sum(worths) + cash) * 100
    for (gross,) in shown.all(rf"gross {NUMBER} %"):
        tally.number("Overview gross", gross, invested)
    by_symbol = {row["symbol"]: row for row in said.held}
    line = rf"  (\w+) +{NUMBER} @ {NUMBER} +{NUMBER}  weight +{NUMBER} % +{NUMBER}"
    for symbol, *texts in shown.all(line):
        held = by_symbol[symbol]
        values = (held["quantity"], held["market_price"], held["market_value"],
                  said.weight(held), held["unrealized_pnl"])  # fmt: skip
        for text, value in zip(texts, values, strict=True):
            tally.number(f"Overview {symbol}", text, value)
    newest = said.newest("trades")
    fills_shown = shown.all(rf"  \d\d[-:]\d\d[-:]\d\d (BUY|SELL) +{NUMBER} (\w+) +@ {NUMBER}")
    for (side, quantity, symbol, price), fill in zip(fills_shown, newest, strict=False):
        tally.word("Overview fill", f"{side} {symbol}", f"{fill['side']} {fill['symbol']}")
        tally.number("Overview fill quantity", quantity, fill["quantity"])
        tally.number("Overview fill price", price, fill["price"])


def check_frame(tally: Tally, lines: Sequence[str], said: Said) -> None:
    """Status line and strip."""
    counts, status = said.status["counts"], lines[0]
    tally.word("status mode", status[:12], said.status["mode"].upper())
    tally.word("status state", status[19:27], "PAUSED")
    cell = re.search(r" C(\d) ", status)
    if cell and said.rows["regimes"]:
        tally.number("status cell", cell[1], said.rows["regimes"][-1]["cell"])
    open_alerts = re.search(r" !(\d+) ", status)
    tally.number("status alerts", open_alerts[1] if open_alerts else "0", counts["alerts_open"])
    for label, name in (("Pos", "positions"), ("Ord", "orders_working"), ("Alrt", "alerts_open")):
        shown = re.search(rf"{label}(\d*) ", lines[1])
        tally.number(f"strip {label}", (shown[1] if shown else "") or "0", counts[name])
