"""Rendered samples on disk, as tar files that any WebDataset reader reads."""
