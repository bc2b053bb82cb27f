"""Training on blocks of rows that lie on many machines."""
