"""Compresses arguments longer than Linux's limit of 128 KiB.

Shorter ones stay as they are, to be read in logs. JSON of a config becomes a fifth.
"""

import base64
import zlib

MOST = 60_000
"""Characters of a text that stays as it is: two of them, and paths, fit into one command."""
MARK = "zlib:"


def packed(text: str) -> str:
    """The text, compressed if it is long."""
    if len(text) <= MOST:
        return text
    return MARK + base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def unpacked(text: str) -> str:
    """What `packed` was given; `ValueError` if it is not whole."""
    if not text.startswith(MARK):
        return text
    try:
        return zlib.decompress(base64.b64decode(text.removeprefix(MARK))).decode()
    except zlib.error as error:
        raise ValueError(f"compressed text that is not whole ({error})") from None
