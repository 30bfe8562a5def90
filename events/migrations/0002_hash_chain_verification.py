from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0001_create_events_table")]
    operations = [
        sql.migration(
            "002_hash_chain_verification.sql",
            sha256="12fcb68fcccd7795f74a90a2c2d16e481b11c4c9b09f92fd735b2ee93918978f",
            models=[sql.model("Append", "appends")],
        ),
    ]
