"""Run the same loop over recorded data, many times, and report.

backtest runs once, grid and walkforward many times, metrics measures, report writes.
"""
