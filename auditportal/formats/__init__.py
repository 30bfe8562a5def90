"""Date and time formats of Django's admin, the same as on the portal's pages: UTC, named."""
