"""From the X and y of the caller to blocks of numbers."""
