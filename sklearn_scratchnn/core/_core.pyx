# cython: language_level=3, freethreading_compatible=True
"""A placeholder: it holds the build until the compiled core takes its place."""

cdef extern from "core.h":
    const char *SCRATCHNN_DIGEST
    double scratchnn_twice(double x) nogil

DIGEST = SCRATCHNN_DIGEST.decode("ascii")


def twice(double x):
    """Return ``2 x``."""
    with nogil:
        x = scratchnn_twice(x)
    return x
