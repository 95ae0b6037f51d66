"""The pages under docs: what is generated in them, and the proof that it is current."""
