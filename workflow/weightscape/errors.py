"""The error type for what a user can mend, memory that runs out, and the end of a program that was asked to stop."""

import errno
import re


class UserError(Exception):
    """A fault of input that the user can mend.

    Its text is one sentence that names the thing, its value, what is allowed and what to do. Programs print it
    without a traceback and exit with 1.
    """

    MARK = "error: "
    """Opens the line that a stage's program ends with."""

    def __init__(self, text: str) -> None:
        super().__init__(" ".join(text.split()))  # messages of other libraries may span lines


class PassingError(UserError):
    """A fault that another attempt may mend, with more memory or beside fewer jobs."""

    MARK = "attempt failed: "


class Stopped(Exception):
    """A program was asked to stop, and has saved what it made."""


def out_of_memory(error: Exception) -> UserError | None:
    """The sentence for the user if an error of any library says that memory ran out, of a GPU or of the machine."""
    text = str(error)
    said = re.split(r"\. |\n", text)[0]
    if type(error).__name__ == "OutOfMemoryError" or re.search(
        r"(CUDA|HIP|MPS)[^.]*out of memory|CU[A-Z]+_(STATUS_)?ALLOC_FAILED", text
    ):
        shared = text.count("memory in use") > 1
        told = UserError(
            f"the GPU's memory is too small ({said}{', and another process shares it' if shared else ''}): lower the "
            "batch size, run fewer jobs on this GPU (the limit `gpu`), or give the job one with more memory"
        )
        return PassingError(str(told)) if shared else told
    if isinstance(error, MemoryError) or getattr(error, "errno", 0) == errno.ENOMEM or "DefaultCPUAllocator" in text:
        return PassingError(
            f"this machine's memory is too small ({said or type(error).__name__}): lower the batch size, run fewer "
            "jobs at once (--cores), or give the job more memory"
        )
    return None
