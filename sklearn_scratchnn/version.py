"""The package's version, which a saved model carries."""

VERSION = "0.1.0"
