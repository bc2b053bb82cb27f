"""How the parameters of a network are found; knows nothing of scikit-learn."""
