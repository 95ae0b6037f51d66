"""Simulate an exchange. Pure.

matching says which orders fill on a bar or quote, costs what that costs, book what it does
to cash, margin and positions.
"""
