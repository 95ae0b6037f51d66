"""A day at a practice gateway, at a multiple of its speed."""
