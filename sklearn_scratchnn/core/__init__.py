"""The compiled core, which may be missing, and the switch for it."""

from .switch import compiled, status

__all__ = ["compiled", "status"]
