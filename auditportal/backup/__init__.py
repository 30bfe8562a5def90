"""Backups with PostgreSQL's own programs, and verified restores. Existing data is not
overwritten."""
