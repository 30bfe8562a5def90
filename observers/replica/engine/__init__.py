"""Django's database engine of the alias `observer`.

It must never be used for writing.
"""
