"""Ingestion over HTTP, and what both halves of the API stand on. It must never read ranges."""
