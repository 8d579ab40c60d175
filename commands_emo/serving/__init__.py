"""The server of a trained model: its page, its interface for programs, its limits and its folder of uploads."""
