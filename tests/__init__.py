"""Tests, mirroring the three folders.

This file is needed: a dependency (eventkit) installs a top-level package of the same name.
"""
