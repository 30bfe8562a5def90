"""The page of the events in sequence."""
