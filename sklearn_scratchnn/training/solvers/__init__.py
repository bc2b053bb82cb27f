"""The ways to minimise an objective, one file each."""
