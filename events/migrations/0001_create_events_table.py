from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = []
    operations = [
        sql.migration(
            "001_create_events_table.sql",
            sha256="bbdc18b325c557b67b58055c34a273dd9a54c65bce8b78294335d4dd892c667a",
        )
    ]
