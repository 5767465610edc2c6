"""What came of a recording, to look at: the report of a live run, and sheets of frames."""
