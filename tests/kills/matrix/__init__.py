"""The crash matrix: an engine at a practice gateway, killed at every commit point."""
