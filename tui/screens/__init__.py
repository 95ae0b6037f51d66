"""Screens: each arranges panes and reads what they need."""
