"""Whether a gradient is the derivative of its objective: a check by differences.

    G1  dC/dv = v^T dC/dtheta                       the directional derivative
    G2  dC/dv = [C(theta + h v) - C(theta - h v)] / (2 h) + O(h^2)

G1 takes the gradient that backpropagation wrote, G2 two forward passes and no calculus.
Along a random direction v of length 1 every parameter takes part in the comparison, so
that a few directions do the work of one difference per parameter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class GradientCheck:
    """Directional derivatives, computed both ways.

    Parameters
    ----------
    analytic : ndarray of float64 of shape (n_directions,)
        G1, from the gradient.
    numerical : ndarray of float64 of shape (n_directions,)
        G2, from differences of the objective.

    See Also
    --------
    check_gradient : Makes one.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.network.gradient_check import GradientCheck
    >>> check = GradientCheck(np.array([1.0, -2.0]), np.array([1.0, -2.5]))
    >>> check.relative_errors, check.relative_error
    (array([0. , 0.2]), 0.2)
    """

    analytic: np.ndarray
    numerical: np.ndarray

    @property
    def relative_errors(self) -> np.ndarray:
        """Difference over the larger of the two, of shape (n_directions,)."""
        size = np.maximum(np.abs(self.analytic), np.abs(self.numerical))
        return np.abs(self.analytic - self.numerical) / np.where(size > 0, size, 1.0)

    @property
    def relative_error(self) -> float:
        """The largest of `relative_errors`."""
        return self.relative_errors.max().item()

    def __str__(self) -> str:
        """One line per direction, with both numbers."""
        lines = [f"{'analytic':>19} {'numerical':>19} {'relative error':>15}"]
        columns = self.analytic, self.numerical, self.relative_errors
        lines += [f"{a:19.12g} {n:19.12g} {e:15.1e}" for a, n, e in zip(*columns)]
        return "\n".join(lines)


def check_gradient(
    objective: Any,
    n_directions: int = 3,
    step: float | None = None,
    random_state: int = 0,
) -> GradientCheck:
    """Compare an objective's gradient with central differences.

    Parameters
    ----------
    objective : Objective
        Anything that has the same ``theta``, ``gradient.theta``, ``value()`` and
        ``value_and_gradient()``. Without dropout, whose masks ``value()`` leaves out.
        ``theta`` is moved and put back; the gradient at ``theta`` is left behind.
    n_directions : int, default=3
    step : float, default=None
        The length h of a step to either side, in units of the parameters. None for
        the cube root of the rounding unit of the objective's dtype (6e-6 in float64,
        5e-3 in float32), where rounding and the O(h^2) of G2 are about equal (Nocedal
        and Wright, 2006, sec. 8.1).
    random_state : int, default=0
        Seeds the directions.

    Returns
    -------
    GradientCheck
        Its errors are not compared with a limit. A right gradient in float64 has
        errors below 1e-6; a wrong one seldom below 1e-4. In float32 an error below
        about 1e-2 means nothing: compare the gradient with that of the same parameters
        in float64 instead.

    Notes
    -----
    An activation with a kink, such as ReLU's, has no derivative there: where a step
    crosses one, the difference is off by up to the kink's share in the objective.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_scratchnn.data.sample import make_sample
    >>> from sklearn_scratchnn.network.gradient_check import check_gradient
    >>> from sklearn_scratchnn.network.network import make_network
    >>> from sklearn_scratchnn.training.objective import Objective
    >>> network = make_network((4, 5, 3), ["gelu"], "softmax_cross_entropy")
    >>> network.parameters.theta[:] = np.random.RandomState(0).randn(43)
    >>> X, y = load_iris(return_X_y=True)
    >>> objective = Objective(network, make_sample(X, y, network.loss), penalty=0.01)
    >>> check = check_gradient(objective)
    >>> check.relative_error < 1e-6
    True
    >>> check.analytic.shape
    (3,)
    """
    theta = objective.theta
    if step is None:
        step = np.finfo(theta.dtype).eps ** (1 / 3)
    objective.value_and_gradient()
    gradient, here = objective.gradient.theta.astype(np.float64), theta.copy()
    random = np.random.RandomState(random_state)
    analytic, numerical = np.empty(n_directions), np.empty(n_directions)
    for i in range(n_directions):
        v = random.randn(len(theta))
        v /= np.linalg.norm(v)
        analytic[i] = v @ gradient                                      # G1
        theta[:] = here + step * v
        above = float(objective.value())
        theta[:] = here - step * v
        numerical[i] = (above - float(objective.value())) / (2 * step)  # G2
        theta[:] = here
    objective.value_and_gradient()
    return GradientCheck(analytic, numerical)
