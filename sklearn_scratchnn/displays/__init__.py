"""Pictures, and what a notebook shows of an estimator."""
