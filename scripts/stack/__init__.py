"""A private copy of the whole system on this machine: real servers and services under one process manager."""

from scripts.stack.program import StackError
from scripts.stack.stack import Stack

__all__ = ["Stack", "StackError"]
