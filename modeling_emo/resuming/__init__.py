"""Going on after a kill: sealed checkpoints, the order of the data, signals."""
