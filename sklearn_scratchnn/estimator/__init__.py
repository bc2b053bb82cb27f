"""What all estimators share: defaults, fitting, prediction, persistence."""
