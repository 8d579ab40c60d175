"""Metrics over a whole split, their intervals, and what Trainer needs of them."""
