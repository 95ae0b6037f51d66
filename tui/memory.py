"""How the screen looked last time: pane, zone, filters and orders of tables, in `screen.json`.

Never how far a person had gone: no arming, no marks, nothing typed in a question. A file that
cannot be read is as good as none.
"""

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.format import show_zone, zone_name

if TYPE_CHECKING:
    from tui.screens.dashboard import Dashboard

NAME = "screen.json"
VERSION = 1
LONGEST = 65_536
ZONES = ("ET", "local", "UTC")


def remembered(dashboard: "Dashboard") -> dict[str, Any]:
    """Return what is to be known the next time."""
    tables = {}
    for name, pane in dashboard.panes.items():
        table: dict[str, Any] = {}
        if pane.filter is not None:
            table["filter"] = pane.filter.typed
        if pane.sorted_by is not None:
            table["sort"], table["down"] = pane.sorted_by.label, pane.sorted_down
        if table:
            tables[name] = table
    return {
        "version": VERSION,
        "pane": dashboard.current,
        "zone": zone_name(),
        "tables": tables,
    }


def recall(dashboard: "Dashboard", known: dict[str, Any]) -> None:
    """Make the screen look so again; what no longer exists is left out."""
    if known["zone"] in ZONES:
        show_zone(known["zone"])
    for name, table in known["tables"].items():
        pane = dashboard.panes.get(name)
        if pane is None:
            continue
        column = next((c for c in pane.columns if c.label == table.get("sort")), None)
        if column is not None:
            pane.sort_by(column)
            if bool(table.get("down")) != pane.sorted_down:
                pane.sort_by(column)
        pane.filter_by(str(table.get("filter", "")))
    if known["pane"] in dashboard.panes and known["pane"] not in ("help", "card"):
        dashboard.go(known["pane"])
        dashboard.came_from.clear()


def load(path: Path) -> dict[str, Any]:
    """Return what was kept, empty if there is nothing of use."""
    try:
        if path.stat().st_size > LONGEST:
            return {}
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict) or found.get("version") != VERSION:
        return {}
    tables = found.get("tables")
    if not isinstance(tables, dict) or not all(isinstance(t, dict) for t in tables.values()):
        return {}
    return {"pane": str(found.get("pane")), "zone": str(found.get("zone")), "tables": tables}


def save(path: Path, what: dict[str, Any]) -> None:
    """Keep it, readable by its owner alone; a full disk is no reason to stay."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(what, file)
        new.replace(path)
