"""Faults of a real gateway, told as stories: what the rows, the reason and the alerts say."""
