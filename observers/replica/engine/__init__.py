"""Django's database engine of the alias `observer`."""
