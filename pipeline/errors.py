"""The one error that a user is meant to see: a single line, no traceback."""


class UserError(Exception):
    """Bad input. The message is one line: what is wrong, where, and what to do about it."""
