"""Checkpoints of other systems, converted."""
