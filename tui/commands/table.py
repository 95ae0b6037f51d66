"""The table of commands, as the command-line library reads it."""

import typer

from tui.commands import control, gateway, panic, rows, runs, screens, status, upkeep
from tui.commands.options import Commands

app = typer.Typer(
    name="pilothouse",
    cls=Commands,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"max_content_width": 100},
)


@app.callback()
def pilothouse() -> None:
    """Steer an automated account from a terminal.

    Without a command the screen runs: offline, on the built-in market, where nothing real can
    happen.

    \b
    Examples:
      pilothouse
      pilothouse backtest --data bars --from 2010-01-04 --to 2018-12-31
      pilothouse halt --reason "something looks wrong"

    \b
    Exit codes: 0 done, 1 unexpected failure, 2 usage or configuration, 3 refused by a safety
    rule, 4 broker unreachable, 5 database, 6 another engine is running, 7 finished with
    findings.
    """


for module in (runs, screens, status, rows, control, upkeep, gateway, panic):
    module.register(app)
