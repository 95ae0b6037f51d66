"""Show and ask; the command line lives here too.

cli          from arguments to an exit code
commands     the subcommands; they import the app only to show it
wiring       settings to concrete broker, data, journal, loop: the one place that names adapters
plan         what a session trades: market, range, strategies, costs
making       what a session is: terms, ledgers, limits, context
headless     the same engine without a screen
signals, log what signals mean to an engine without a screen; what the journal cannot say
app          the order of things before, while and after the screen
shell        the program around the screen: start, news, signals, end; watches the engine
application  what keys do
guest, attached   the screen on an engine that another process runs
replayed, player  the screen on a recorded session, and its clock
actions      every key, label and danger class in one table
steering     from a key press to a request: arming, guard, questions
reader, source, view   the reading thread, what it reads, what a screen knows at one moment
format, sentence, explanation   values, events and chains in words
layout, theme, notices   where panes are, colors by meaning, what the message line says
terminal, keyboard   what the terminal needs before, and gets back after
screens, panes, widgets, dialogs   what is on the screen, from large to small
"""
