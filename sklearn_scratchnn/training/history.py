"""The history of a training: a row an epoch, an array a column."""

import numpy as np

COLUMNS = (
    "epoch",
    "loss",
    "learning_rate",
    "gradient_norm",
    "seconds",
    "validation_loss",
    "validation_score",
)


class History:
    """One row an epoch in training, one array a column when asked for.

    Columns are epoch (from 1), loss (with penalty), learning_rate (per update),
    gradient_norm, seconds (since the start) and, where there are any, validation_loss
    (without penalty) and validation_score.

    Rows wait in a list until they are asked for, and then move into arrays that have
    room for more: to ask after every epoch costs what the new rows cost.

    Parameters
    ----------
    validated : bool
        Whether there are held-out rows.

    Examples
    --------
    >>> from sklearn_scratchnn.training.history import History
    >>> history = History(validated=False)
    >>> history.append((1, 0.7, 0.1, 2.0, 0.01))
    >>> history.append((2, 0.5, 0.1, 1.0, 0.02))
    >>> history.arrays()["loss"]
    array([0.7, 0.5])
    """

    def __init__(self, validated):
        names = [c for c in COLUMNS if validated or "validation" not in c]
        kinds = {"epoch": int}
        self.__setstate__({c: np.empty(0, kinds.get(c, float)) for c in names})

    def __getstate__(self):
        return self.arrays()

    def __setstate__(self, arrays):
        self.names, self._arrays = list(arrays), arrays
        self._n_moved = len(arrays["epoch"])
        # One flat list: the garbage collector would visit a tuple or list per row.
        self._waiting = []

    def __len__(self):
        return self._n_moved + len(self._waiting) // len(self.names)

    def append(self, row):
        """Add a row.

        Parameters
        ----------
        row : tuple of float
            An entry for each of ``names``.
        """
        self._waiting += row

    def column(self, name):
        """Return a column as a list.

        Parameters
        ----------
        name : str

        Returns
        -------
        list of float
            An entry for each epoch.
        """
        return self.arrays()[name].tolist()

    def last(self, name):
        """Return the last entry of a column.

        Parameters
        ----------
        name : str

        Returns
        -------
        float
            That of the newest epoch.
        """
        return self.arrays()[name][-1].item()

    def arrays(self):
        """Return all columns as arrays.

        Returns
        -------
        dict of ndarray of shape (n_epochs,)
            Keys are ``names``. No copies, and read-only; later rows do not change them.
        """
        n, waiting = len(self), self._waiting
        if waiting:
            for i, name in enumerate(self.names):
                self._move(name, waiting[i :: len(self.names)])
            self._n_moved, self._waiting = n, []
        heads = {name: array[:n] for name, array in self._arrays.items()}
        for head in heads.values():
            head.flags.writeable = False
        return heads

    def _move(self, name, entries):
        """Write entries behind those of a column, which doubles where it is full."""
        array, start = self._arrays[name], self._n_moved
        stop = start + len(entries)
        if stop > len(array):
            self._arrays[name] = np.empty(2 * stop, array.dtype)
            self._arrays[name][:start] = array[:start]
        self._arrays[name][start:stop] = entries
