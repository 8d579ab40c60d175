"""emotion2vec: its convolutions, its attention with a bias of distance, its blocks, models and a head."""
