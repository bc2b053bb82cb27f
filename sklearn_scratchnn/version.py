"""The package's version, which a saved model carries."""

VERSION = "0.2.0.dev0"
