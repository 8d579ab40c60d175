"""What the readers share: rows, columns, collected utterances, known counts."""
