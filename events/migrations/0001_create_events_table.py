from django.db import migrations

from events import sql

PERMISSIONS = [
    ("read_ledger", "May read the ledger"),
    ("start_verification", "May have the ledger verified"),
    ("halt_ledger", "May halt the ledger"),
    ("manage_keys", "May make and retire keys"),
    ("hold_ceremonies", "May propose and approve ceremonies"),
]


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        sql.migration(
            "names.sql",
            sha256="4e46a9d8930281a04de7b6e550b9e0058abd5a2c9d7a9f3fc5a1575954aa55cb",
        ),
        sql.migration(
            "001_create_events_table.sql",
            sha256="d73557c9662aafb9daf93bb36684003f6601f5f96323b3c96629666d8bbe0675",
            models=[
                sql.model("LedgerEvent", "events", verbose_name="event", permissions=PERMISSIONS)
            ],
        ),
    ]
