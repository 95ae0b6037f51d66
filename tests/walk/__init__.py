"""A walk over every pane by keyboard alone: `make walk`."""
