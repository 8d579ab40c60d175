"""Why a prediction came out as it did, by word and by moment."""
