"""Verifications started from the portal: run in the background in slices, resumed after a crash,
and kept as records."""
