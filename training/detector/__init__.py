"""The network that finds hands in whole pictures: its training, export and score."""
