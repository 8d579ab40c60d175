"""Encoders: one table of families, loading, their layers, and running them on speech."""
