"""Template tags of the pages. They must never decide anything: they only show."""
