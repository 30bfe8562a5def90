"""Finds where records begin and end in a stream of bytes, or refuses."""
