"""A corpus as prepared rows: made once, checked, loaded, streamed."""
