"""Evaluations of splits and folds, and the files, tables and cards that tell of them."""
