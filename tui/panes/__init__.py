"""Panes: each shows one subject and holds its own rendering."""
