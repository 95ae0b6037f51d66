"""Show and ask; the command line lives here too.

cli          from arguments to an exit code
commands     the subcommands; they import the app only to show it
wiring       settings to concrete broker, data, journal, loop: the one place that names adapters
plan         what a session trades: market, range, strategies, costs
making       what a session is: terms, ledgers, limits, context
headless     the same engine without a screen
signals, log what signals mean to an engine without a screen; what the journal cannot say
app          the Textual app: modes, signals, exit; starts and watches the engine
actions      every key, label and danger class in one table
format       money, quantity, percent, age and id to text
screens, panes, widgets, dialogs   what is on the screen, from large to small
"""
