"""The page of gaps and of the map of the sequence."""
