"""Private keys and what they are used for. They must never enter the database."""
