"""Sums in the order of a binary tree over the blocks of rows.

Floating-point sums depend on their order. Here the order follows from the number of
blocks alone: neighbours are added first, then pairs of neighbours, and so on. A worker
adds up the complete subtrees whose blocks it holds, and the rest is added where they
meet. So the bits of a sum do not tell which worker held what.
"""


def fold(nodes, n_blocks, add):
    """Add what can be added of a tree's nodes.

    Parameters
    ----------
    nodes : dict
        Values by (level, i): the i-th node of a level stands for ``2**level`` blocks,
        the last one of a level for what there is.
    n_blocks : int
        Leaves of the whole tree.
    add : callable
        Of a left and a right value.

    Returns
    -------
    dict
        The highest nodes that follow; of all leaves the root alone.

    Examples
    --------
    >>> from sklearn_scratchnn.cluster.tree import fold
    >>> leaves = {(0, i): i for i in (0, 1, 2)}
    >>> fold(leaves, 5, lambda a, b: a + b)
    {(0, 2): 2, (1, 0): 1}
    """
    highest, nodes, level = {}, dict(nodes), 0
    while (width := width_of(n_blocks, level)) > 1:
        here = sorted(node for node in nodes if node[0] == level)
        for _, i in here:
            if (level, i) not in nodes:
                continue
            value, sibling = nodes.pop((level, i)), (level, i + 1)
            if i % 2 == 0 and i + 1 == width:
                nodes[level + 1, i // 2] = value
            elif i % 2 == 0 and sibling in nodes:
                nodes[level + 1, i // 2] = add(value, nodes.pop(sibling))
            else:
                highest[level, i] = value
        level += 1
    return nodes | highest


def width_of(n_blocks, level):
    """Return the number of nodes of a level."""
    return -(-n_blocks >> level) if n_blocks else 0


def add_parts(left, right):
    """Return the sums of two tuples, part by part."""
    return tuple(a + b for a, b in zip(left, right))
