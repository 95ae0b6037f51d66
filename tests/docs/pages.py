"""Generate what is generated in docs: `make docs`, or `python -m tests.docs.pages`.

Prose is written by hand. Between `<!-- keys -->`, `<!-- columns -->` and their ends stand tables
made from the action table and the panes' columns; `docs/keys.md` and the pictures are made
whole. A test compares everything with what would be made now.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.architecture.sources import ROOT
from tests.docs.picture import SNAPSHOTS, small
from tui.actions import ACTIONS, MORE_PANES, PANES, Act, Action, binding_id
from tui.screens.dashboard import Dashboard
from tui.screens.help import SIGNS
from tui.widgets.table import Column

DOCS = ROOT / "docs"

PICTURES = {
    **{pane: f"test_pane_with_rows_on_a_small_terminal[{key}]"
       for key, pane, *_ in (*PANES, *MORE_PANES)},
    "large": "test_all_panes_on_a_large_terminal",
    "huge": "test_all_panes_on_a_huge_terminal",
    "stop": "test_the_stop_panel_leaves_the_table_alive",
    "halted": "test_halted_with_a_difference",
    "ascii": "test_overview_and_chart_in_ascii[1]",
    "no-color": "test_overview_without_color",
    "chart-large": "test_chart_on_a_large_terminal",
    "ticket": "../test_ticket_snapshots/test_a_ticket_to_be_confirmed[small]",
    "ticket-typed": "../test_ticket_snapshots/test_a_ticket_on_a_small_terminal[typed]",
    "ticket-denied": "../test_ticket_snapshots/test_a_ticket_on_a_small_terminal[denied]",
    "ticket-changed": "../test_ticket_snapshots/test_a_ticket_on_a_small_terminal[changed]",
}  # fmt: skip
"""Picture → the snapshot it is made from."""

CONTEXTS = {
    "app": "Everywhere",
    "replay": "The clock of a replay",
    "table": "In every pane with rows",
}

CLASSES = {
    Act.LOOK: "at once, changes nothing",
    Act.VIEW: "at once, as a request to the engine; there is an undo or an audit row",
    Act.ENGINE: "only armed, after a question",
    Act.MARKET: "only armed, after a question; never on enter, space, digits or arrows",
    Act.PROTECT: "always, armed or not",
}


def pane_names() -> list[str]:
    """Return every pane that has a page, in the order of its key."""
    return [pane for _, pane, *_ in (*PANES, *MORE_PANES)]


def columns_of(pane: str) -> tuple[Column, ...]:
    """Return the columns of a pane."""
    made = Dashboard(read_only=False, clock=lambda: None)  # type: ignore[arg-type,return-value]
    return made.panes[pane].columns


def key_table(actions: Iterable[Action]) -> str:
    """Return actions as a table."""
    rows = ["| key | does | class | name in `[screen.keys]` |", "|---|---|---|---|"]
    for action in actions:
        keys = " ".join(f"`{_plain(key)}`" for key in action.shown_keys.split(" ") if key)
        dots = "…" if action.asks else ""
        rows.append(
            f"| {keys} | {action.label}{dots} | {action.act.value} | `{binding_id(action)}` |"
        )
    return "\n".join(rows)


def _plain(key: str) -> str:
    return key.replace("|", "\\|")


def column_table(columns: Iterable[Column]) -> str:
    """Return columns as a table: which width shows them, what stands behind them."""
    shown = {0: "always", 1: "pane of 120 columns and more", 2: "pane of 200 columns and more"}
    rows = ["| column | shown | row's field |", "|---|---|---|"]
    rows += [
        f"| {_plain(column.label)} | {shown[column.level]} | {column.of and f'`{column.of}`'} |"
        for column in columns
    ]
    return "\n".join(rows)


def keys_page() -> str:
    """Return the key reference."""
    parts = [
        "# Keys",
        "Generated from the action table (`tui/actions.py`) by `make docs`: do not edit. Own keys go "
        "to `[screen.keys]` in `config.toml`, by the names in the last column.",
        "| class | a press works |\n|---|---|\n"
        + "\n".join(f"| {act.value} | {what} |" for act, what in CLASSES.items()),
    ]
    for context in dict.fromkeys(action.context for action in ACTIONS):
        name = CONTEXTS.get(context, f"In {title_of(context)}")
        parts += [f"## {name}", key_table(a for a in ACTIONS if a.context == context)]
    signs = "\n".join(f"| {sign} | {meaning} |" for sign, meaning in SIGNS)
    parts += ["## Signs", f"| sign | means |\n|---|---|\n{signs}"]
    return "\n\n".join(parts) + "\n"


def title_of(pane: str) -> str:
    """Return what a pane is called."""
    return next((str(t) for _, p, _, t in (*PANES, *MORE_PANES) if p == pane), pane)


def with_tables(pane: str, text: str) -> str:
    """Return a pane's page with its tables as they are now."""
    own = [action for action in ACTIONS if action.context == pane]
    made = {
        "keys": key_table(own) if own else "No keys of its own: [those of every pane](../keys.md).",
        "columns": column_table(columns_of(pane)) if columns_of(pane) else "Cards, no columns.",
    }
    for name, table in made.items():
        text = re.sub(
            rf"<!-- {name} -->.*?<!-- /{name} -->",
            lambda _, name=name, table=table: f"<!-- {name} -->\n{table}\n<!-- /{name} -->",  # type: ignore[misc]
            text,
            flags=re.DOTALL,
        )
    return text


def generated() -> Iterator[tuple[Path, str]]:
    """Return every file with its text as it would be made now."""
    yield DOCS / "keys.md", keys_page()
    for pane in pane_names():
        path = DOCS / "panes" / f"{pane}.md"
        yield path, with_tables(pane, path.read_text(encoding="utf-8"))
    for name, snapshot in PICTURES.items():
        svg = (SNAPSHOTS / f"{snapshot}.svg").read_text(encoding="utf-8")
        yield DOCS / "pictures" / f"{name}.svg", small(svg)


def main() -> None:
    """Write what differs."""
    for path, text in generated():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
