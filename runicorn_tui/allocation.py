"""How the C library keeps memory that this process has freed."""

from __future__ import annotations

import ctypes

# Of glibc's malloc.h.
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_LARGE_BYTES = 128 << 10


def return_freed_memory() -> None:
    """Give large blocks back to the system as soon as they are freed; to be called before there are threads.

    Otherwise glibc takes them for usual after the first ones, and keeps what a long answer took, for every thread
    anew. Nothing is done where the C library is another one.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    # A threshold that is set does not grow with what is freed.
    set_option(_M_MMAP_THRESHOLD, _LARGE_BYTES)
    set_option(_M_ARENA_MAX, 1)
