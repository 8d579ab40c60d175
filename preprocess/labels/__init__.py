"""Labels: their numbers, and maps between label sets."""
