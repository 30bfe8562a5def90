"""The site: settings, URLs, the embedded PostgreSQL, backup and the `portal` command."""
