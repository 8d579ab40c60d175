"""Folds, validation parts and the check that no group is on both sides."""
