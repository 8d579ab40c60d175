"""Training with Trainer: its arguments, batches, optimiser and record."""
