"""Proofs about the code itself: imports, sizes, documentation."""
