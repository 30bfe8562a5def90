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
            sha256="c2c725c6d967507884121fca781213ea120bacbf66c5d4f180f39d730145b1da",
            models=[
                sql.model("LedgerEvent", "events", verbose_name="event", permissions=PERMISSIONS)
            ],
        ),
    ]
