"""Converts files and folders: what goes where, how far it is, and what continues after an interruption."""
