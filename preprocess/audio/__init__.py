"""Sound from files, addresses and bytes."""
