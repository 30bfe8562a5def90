"""Endpoints for log shippers: their bodies become records, records become events."""
