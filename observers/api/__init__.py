"""The HTTP API of the observers."""
