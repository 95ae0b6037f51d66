"""Measurements against targets; run on demand."""
