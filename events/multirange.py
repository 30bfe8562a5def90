"""Django's name for a column of PostgreSQL's type INT8MULTIRANGE.

It must never be asked to look into a value: the database's own functions do that.
"""

from __future__ import annotations

from typing import Any

from django.db import models


class Int8MultirangeField(models.Field):  # type: ignore[type-arg]
    """Ranges of sequence numbers, as psycopg gives them."""

    def db_type(self, connection: Any) -> str:
        """The type's name in the catalogue."""
        return "int8multirange"
