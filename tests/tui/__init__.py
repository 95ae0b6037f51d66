"""Tests of the screen and the command line."""
