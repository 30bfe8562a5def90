"""The event format and its arithmetic. Pure code: no Django, no database."""
