"""Bars and quotes from wherever they come, always saying which source answered.

ibkr, files, synthetic and replay are sources, fallback orders them, quality judges them.
"""
