"""The arrays that a forward and a backward pass write into."""

from types import SimpleNamespace

import numpy as np

BLOCK_BYTES = 2**20  # of a block's buffers: about a core's second-level cache


def rows_of_a_block(layer_sizes, dtype, n_rows):
    """Return for how many rows the buffers fill `BLOCK_BYTES`, at most ``n_rows``.

    Parameters
    ----------
    layer_sizes : sequence of int
    dtype : dtype
    n_rows : int
        All there are.

    Returns
    -------
    int
        At least 64, where there are as many.
    """
    width = layer_sizes[0] + 2 * sum(layer_sizes[1:-1]) + 4 * layer_sizes[-1]
    return min(n_rows, max(64, BLOCK_BYTES // (width * np.dtype(dtype).itemsize)))


class Workspace:
    """Buffers for batches of ``n_rows`` rows, made once per training and reused.

    They are all the memory that a batch needs: nothing that grows with it is allocated
    later. The next forward pass overwrites what they hold.

    Parameters
    ----------
    layer_sizes : sequence of int
        Features, hidden units of each layer, outputs.
    dtype : dtype
    n_rows : int
    backward : bool, default=True
        Whether there are buffers for the loss and the backward pass.
    dropout : bool, default=False
        Whether there are masks, and arrays for the outputs that they keep.

    Attributes
    ----------
    n_rows : int
    layers : list of namespace
        One a layer, the output's last. Each has ``z`` and, for the backward pass,
        ``delta``; hidden ones also ``a`` and ``slope``, which takes f'(z), and under
        dropout ``mask`` and ``kept``. The forward pass notes there what the layer read,
        ``input``, and whether it drew a mask, ``dropped``.
    hidden : list of namespace
        All ``layers`` but the last.
    output : namespace
        The last of ``layers``.
    logits : ndarray of shape (n_rows, K)
        The last layer's z.
    row : ndarray of shape (n_rows, 1)
        A number a row, for the loss.

    Examples
    --------
    >>> from sklearn_scratchnn.network.workspace import Workspace
    >>> ws = Workspace((2, 3, 2), "float64", n_rows=5)
    >>> [layer.a.shape for layer in ws.hidden], ws.logits.shape
    ([(5, 3)], (5, 2))
    """

    def __init__(self, layer_sizes, dtype, n_rows, backward=True, dropout=False):
        *hidden, n_outputs = layer_sizes[1:]
        wanted = ["z", "a"] + ["delta"] * backward + ["mask", "kept"] * dropout
        layers = [
            {name: np.zeros((n_rows, units), dtype) for name in wanted}
            for units in hidden
        ]
        last = ["z"] + ["delta"] * backward
        output = {name: np.zeros((n_rows, n_outputs), dtype) for name in last}
        slope = np.zeros(n_rows * max(hidden, default=0) * backward, dtype)
        for units, layer in zip(hidden, layers):
            if backward:  # one after the other: the layers share its memory
                layer["slope"] = slope[: n_rows * units].reshape(n_rows, units)
        self._set(n_rows, [*layers, output], np.zeros((n_rows, 1), dtype))

    def _set(self, n_rows, layers, row):
        self.n_rows = n_rows
        self._arrays, self._heads = layers, {}
        self.layers = [SimpleNamespace(**arrays) for arrays in layers]
        self.hidden, self.output = self.layers[:-1], self.layers[-1]
        self.logits, self.row = self.output.z, row

    def head(self, n_rows):
        """Return the workspace of a smaller batch, in the same memory.

        Parameters
        ----------
        n_rows : int
            At most as many as this one's.

        Returns
        -------
        Workspace
            This one, where it is as large; the same at the next call.
        """
        if n_rows == self.n_rows:
            return self
        if n_rows not in self._heads:
            self._heads[n_rows] = self._make_head(n_rows)
        return self._heads[n_rows]

    def _make_head(self, n_rows):
        head = object.__new__(Workspace)
        layers = [
            {name: array[:n_rows] for name, array in arrays.items()}
            for arrays in self._arrays
        ]
        head._set(n_rows, layers, self.row[:n_rows])
        return head
