"""Compare what we believe with what is, without fetching anything. Pure.

reconcile compares with the broker, performance measures equity and drawdown, health turns ages
and counts into OK, WARN and BAD.
"""
