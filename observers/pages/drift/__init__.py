"""The page of clock drift."""
