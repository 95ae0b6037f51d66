"""Dialogs: questions that are answered before anything happens."""
