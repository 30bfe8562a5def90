"""Private keys and the services that sign with them. Private keys never enter the database."""
