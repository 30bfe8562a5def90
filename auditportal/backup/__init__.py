"""Backups of the whole database with PostgreSQL's own programs, and restores that are verified.

They must never overwrite anything.
"""
