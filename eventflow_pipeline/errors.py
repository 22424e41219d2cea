"""The one error a user is meant to read."""


class UserError(Exception):
    """What is wrong and what to do about it, in one sentence.

    Raised for anything the caller can put right (a setting, a server, a range). The command line prints the
    sentence without a traceback and exits with status 2.
    """


class StoppedError(Exception):
    """Somebody stopped a command: what is done, and how to go on."""
