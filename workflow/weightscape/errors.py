"""The error type for what a user can mend, and the end of a program that was asked to stop."""


class UserError(Exception):
    """A fault of input that the user can mend.

    Its text is one sentence that names the thing, its value, what is allowed and what to do. Programs print it
    without a traceback and exit with 1.
    """

    def __init__(self, text: str) -> None:
        super().__init__(" ".join(text.split()))  # messages of other libraries may span lines


class Stopped(Exception):
    """A program was asked to stop, and has saved what it made."""
