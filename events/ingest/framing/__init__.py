"""Finds record boundaries in a stream of bytes, or refuses if they are ambiguous."""
