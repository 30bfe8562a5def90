from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = []
    operations = [
        sql.migration(
            "001_create_events_table.sql",
            sha256="57c94c20a0aba039aa611d4f6568e022ebb88d317da68645a25a2dade4bcfe8b",
        )
    ]
