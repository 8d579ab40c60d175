"""Pictures of evaluations, training, folds, timelines and explanations."""
