"""The adapter of Interactive Brokers: pure parts, and over TCP against the practice gateway."""
