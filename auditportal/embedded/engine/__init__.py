"""Django's database engine for the embedded server: PostgreSQL's own, plus having it run.

It must never start anything before the first connection is opened.
"""
