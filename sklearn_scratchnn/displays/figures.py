"""What every picture needs: axes to draw on, and the network inside an estimator."""

from sklearn.utils.validation import check_is_fitted


def axes_or_new(ax, user, **options):
    """Return ``ax``, or the axes of a new figure.

    Parameters
    ----------
    ax : matplotlib.axes.Axes or None
    user : str
        Who draws, for the error.
    **options
        For `matplotlib.pyplot.subplots`, where a figure is made.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{user} draws with matplotlib, which is not installed: "
            "pip install matplotlib."
        ) from error
    return plt.subplots(**options)[1] if ax is None else ax


def inner_estimator(estimator):
    """Return the fitted estimator at the end of searches and pipelines.

    Parameters
    ----------
    estimator : estimator
        Of a search, the refitted best estimator is taken; of a pipeline, its last step.

    Returns
    -------
    estimator

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    """
    while True:
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif hasattr(estimator, "steps"):
            estimator = estimator.steps[-1][1]
        else:
            check_is_fitted(estimator)
            return estimator
