"""What goes wrong with a stack, as sentences for the person at the terminal."""


class StackError(Exception):
    """The stack cannot do what was asked: `str(error)` says why and what to do."""
