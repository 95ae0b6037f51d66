"""A whole engine in virtual time: one seed gives market, strategies, kills, requests and faults.

The core, the loop, the recovery and the simulated exchange are the real ones; clock, journal,
request file and the way to the broker are arguments and therefore replaceable. `make sim` runs
many seeds, `make sim SEED=n` one of them.
"""
