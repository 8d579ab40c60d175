"""What encoders read: speech features, token ids, augmented sounds."""
