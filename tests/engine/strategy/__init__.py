"""Strategies: pure calculations against golden vectors, reference files and properties."""
