"""The types that several signatures share; most exist for a type checker alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from numpy.typing import ArrayLike


class Sparse(Protocol):
    """A sparse matrix or array of SciPy, whose types are known only with its stubs."""

    def toarray(self) -> Any:
        """Return a dense array."""


Rows = ArrayLike | Sparse

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axes
    from matplotlib.collections import LineCollection as LineCollection
    from matplotlib.collections import PathCollection as PathCollection
    from matplotlib.colorbar import Colorbar as Colorbar
    from matplotlib.colors import Colormap as Colormap
    from matplotlib.image import AxesImage as AxesImage
    from matplotlib.lines import Line2D as Line2D
    from sklearn.callback import CallbackContext as CallbackContext

    # To mypy no int is an Integral and no float a Real: it would read no further.
    Integral: Any
    Real: Any

    Method = TypeVar("Method", bound=Callable[..., Any])

    # As scikit-learn has no types, its decorators would take a method's away.
    def available_if(check: Callable[[Any], bool]) -> Callable[[Method], Method]: ...
    def fit_context(
        *, prefer_skip_nested_validation: bool
    ) -> Callable[[Method], Method]: ...
    def with_callbacks(method: Method) -> Method: ...
else:
    from numbers import Integral as Integral
    from numbers import Real as Real
