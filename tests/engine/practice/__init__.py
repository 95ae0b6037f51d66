"""The practice broker, without any socket."""
