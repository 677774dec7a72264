"""How HTTP/1.1 frames the pieces of a body whose length nobody knows yet (RFC 9112, 7.1).

Knows the form in which everybody writes a chunk; all others are the parser's.
"""

from __future__ import annotations

from typing import Final

# Of a chunk's size in hexadecimal digits, with the line's end.
_LONGEST_SIZE: Final = 10


def whole_chunk(data: bytes) -> bytes | None:
    """Return what is in `data` if it is one chunk of HTTP to the byte, and not the last one.

    A size with capitals, leading zeros or extensions is not known here.
    """
    start = data.find(b"\r\n", 0, _LONGEST_SIZE) + 2
    size = len(data) - start - 2
    if size > 0 and data.startswith(b"%x\r\n" % size) and data.endswith(b"\r\n"):
        return data[start:-2]
    return None
