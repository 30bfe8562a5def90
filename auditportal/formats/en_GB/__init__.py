"""The formats of the one language of the portal."""
