"""Choosing the penalty: a path of falling alphas on held-out rows."""
