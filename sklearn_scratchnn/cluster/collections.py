"""Dask collections as blocks of rows, and answers on the blocks of one."""

import numpy as np

from ..data.frames import KINDS_OF_NUMBERS


def is_collection(X):
    """Whether X is dask's array, DataFrame or Series."""
    names = "__dask_graph__", "to_delayed", "ndim"
    return all(hasattr(type(X), name) for name in names)


def is_persisted(X):
    """Whether rows of a collection lie on the cluster already."""
    from distributed import futures_of

    return bool(futures_of(X))


def check_collection(X, name):
    """Raise TypeError for what is not cut into blocks of rows by dask."""
    if not is_collection(X):
        raise TypeError(
            f"{name} must be a dask array or DataFrame; got {type(X).__name__}. Use "
            "the ordinary estimator for rows that lie on this machine, or make a "
            "collection of them: dask.array.from_array, dask.dataframe.from_pandas."
        )


def check_no_collection(X):
    """Raise TypeError for a collection, where an answer is about rows at hand."""
    if is_collection(X):
        raise TypeError(
            f"X must be an array or a DataFrame of this machine; got dask's "
            f"{type(X).__name__}. Ask model.to_local() about each block: X.map_blocks, "
            "or X.map_partitions."
        )


def parts_of(X, y, sample_weight):
    """Return the blocks of rows of some collections, as delayed objects.

    Parameters
    ----------
    X : dask array or DataFrame of shape (n_samples, n_features)
    y : dask array, Series or DataFrame of as many rows
    sample_weight : dask array or Series, or None

    Returns
    -------
    list of tuple (X, y, weights)
        Weights are None where there are none.

    Raises
    ------
    TypeError, ValueError
        If one is no collection, or they are cut into different blocks.
    """
    given = {"X": X, "y": y}
    if sample_weight is not None:
        given["sample_weight"] = sample_weight
    for name, collection in given.items():
        check_collection(collection, name)
    check_is_table(X)
    rows = _chunks(X)
    cut = {name: _blocks(name, value, rows) for name, value in given.items()}
    for name, blocks in cut.items():
        if len(blocks) != len(cut["X"]):
            raise ValueError(
                f"{name} is cut into {len(blocks)} blocks of rows, and X into "
                f"{len(cut['X'])}: cut both at the same rows."
            )
    none = [None] * len(cut["X"])
    return list(zip(cut["X"], cut["y"], cut.get("sample_weight", none)))


def check_is_table(X):
    """Raise ValueError for a collection without columns."""
    if X.ndim != 2:
        raise ValueError(
            f"X must have 2 dimensions, rows and columns; it has {X.ndim}."
        )


def _chunks(collection):
    """Return the rows of each block of an array; None where they are not known."""
    if not _is_array(collection) or np.isnan(collection.chunks[0]).any():
        return None
    return collection.chunks[0]


def _blocks(name, collection, rows):
    """Return the delayed blocks of one collection, cut as X is."""
    own = _chunks(collection)
    if own is not None and rows is not None and own != rows:
        if sum(own) != sum(rows):
            raise ValueError(f"{name} has {sum(own)} rows, and X has {sum(rows)}.")
        collection = collection.rechunk({0: rows})
    if _is_array(collection) and collection.ndim == 2:
        collection = collection.rechunk({1: -1})  # a row lies in one block
    # Dask fuses the tasks of arrays apart, and would read twice what X and y are both
    # made of. Of a DataFrame it reads the columns that each needs.
    fuses = not _is_array(collection)
    return list(np.ravel(collection.to_delayed(optimize_graph=fuses)))


def answers(model, method, X):
    """Return what a fitted estimator answers on the blocks of X, lazily.

    Parameters
    ----------
    model : estimator
        An ordinary one.
    method : str
        That takes X alone.
    X : dask array or DataFrame

    Returns
    -------
    dask array
    """
    check_collection(X, "X")
    check_is_table(X)
    empty = getattr(model, method)(_probe(X))[:0]
    if _is_array(X):
        answered = [X.chunks[0], *((n,) for n in empty.shape[1:])]
        return X.rechunk({1: -1}).map_blocks(
            _answer,
            model=model,
            method=method,
            empty=empty,
            chunks=tuple(answered),
            drop_axis=None if empty.ndim == 2 else 1,
            meta=empty,
        )
    import dask.array as da
    from dask import delayed

    answer, model = delayed(_answer), delayed(model, pure=True)
    shape = np.nan, *empty.shape[1:]
    return da.concatenate(
        [
            da.from_delayed(answer(part, model, method, empty), shape, meta=empty)
            for part in _blocks("X", X, None)
        ]
    )


def _probe(X):
    """Return a row like those of X: the answer about it tells dtype and shape."""
    if not _is_array(X):
        return X._meta.reset_index(drop=True).reindex([0])
    if X.dtype.kind in KINDS_OF_NUMBERS:
        return np.zeros((1, X.shape[1]), X.dtype)
    return np.full((1, X.shape[1]), np.nan, object)


def _is_array(collection):
    return hasattr(type(collection), "chunks")


def _answer(x, model, method, empty):
    return getattr(model, method)(x) if len(x) else empty
