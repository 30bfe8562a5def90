"""Soak test: a portal under mixed load whose processes are killed again and again.

`python -m bench.soak` starts its own portal in a temporary folder.
"""
