"""Recordings of any length: found in folders, cut into windows or sentences."""
