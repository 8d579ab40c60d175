"""The making of spoken_sentiment: rated tweets, read aloud."""
