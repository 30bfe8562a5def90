"""Client addresses, rate limits and the access log."""
