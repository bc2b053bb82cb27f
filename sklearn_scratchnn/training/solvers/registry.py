"""The solvers by name, as the parameter ``solver`` takes them."""

from ..optimizers import OPTIMIZERS
from .gauss_newton import GaussNewton
from .gradient_descent import GradientDescent
from .lbfgs import LBFGS

SOLVERS = {"gd": GradientDescent, "lbfgs": LBFGS, "gauss_newton": GaussNewton}
SOLVERS |= dict.fromkeys(OPTIMIZERS, GradientDescent)
