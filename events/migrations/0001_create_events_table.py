from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = []
    operations = [
        sql.migration(
            "001_create_events_table.sql",
            sha256="8224780c2a53db471c1a386f04e4c44c551065a53c614e0fdb783eac2ccf60eb",
        )
    ]
