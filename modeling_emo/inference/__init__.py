"""Predictions from recordings and transcripts: the pipeline, a choice of labels, files of predictions."""
