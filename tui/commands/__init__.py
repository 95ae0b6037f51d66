"""The subcommands, by what they do. Everything heavy is imported inside a command.

options   the options that commands share
output    rows as a table for people or as JSON for programs; narration on stderr
runs      run, backtest
screens   attach, replay
rows      regimes, signals, orders … export, explain
status    status, which must answer in a blink
control   halt, reduce, resume, pause, continue, flatten, cancel, stop, reconcile
upkeep    schedule, config; with params, db and doctor in modules of their own
asking, explain, result   the longer answers of those: requests, chains, summaries
"""
