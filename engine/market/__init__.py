"""Bars and quotes from wherever they come, always saying which source answered.

ibkr, files and synthetic are sources, fallback orders them, quality judges them; history is
what each ends in, replay turns it into inputs.
"""
