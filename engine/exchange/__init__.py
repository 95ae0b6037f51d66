"""Simulate an exchange. Pure.

costs says what trading costs, matching which orders fill on a bar or quote, acceptance what is
refused, book keeps one account and says what happens to its orders.
"""
