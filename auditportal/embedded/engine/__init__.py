"""Django's database engine for the embedded server; starts it with the first connection."""
