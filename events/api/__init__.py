"""The write side of the HTTP API, and the parts that both sides share."""
