"""Read rows for screens and commands, one file per pane. Never writes."""
