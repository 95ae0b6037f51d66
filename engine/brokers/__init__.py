"""Brokers behind the one Broker port.

simulated fills over the simulated exchange, dry_run sends nothing, ibkr speaks to
Interactive Brokers, practice is a TWS gateway of our own.
"""
