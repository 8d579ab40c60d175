"""Checkpoints of other libraries become folders that `from_pretrained` loads."""
