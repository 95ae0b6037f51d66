"""Widgets: tables, charts and lines that any pane may use."""
