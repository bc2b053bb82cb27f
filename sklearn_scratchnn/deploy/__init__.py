"""A fitted network elsewhere: as an ONNX graph, and in skops files.

The packages for it come with ``pip install "sklearn-scratchnn[deploy]"`` and are
imported when used.
"""

from .onnx import register_onnx
from .skops import SKOPS_TRUSTED_TYPES

__all__ = ["SKOPS_TRUSTED_TYPES", "register_onnx"]
