"""Compare what we believe with what is, without fetching anything. Pure.

reconcile compares with the broker, performance measures equity and drawdown, drift compares
live decisions with their replay, health turns ages and counts into green, amber, red.
"""
