"""What is in a corpus, as numbers, tables and a plot."""
