from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = []
    operations = [
        sql.migration(
            "001_create_events_table.sql",
            sha256="7a0ca9b7ada8a9508a56d84ca917c7da3d5f83395d11404068080f3c5413ee49",
        )
    ]
