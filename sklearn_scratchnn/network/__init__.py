"""What a network computes, and the derivative of it: NumPy alone."""
