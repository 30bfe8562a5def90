from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = []
    operations = [
        sql.migration(
            "001_create_events_table.sql",
            sha256="b3d1174ea358c8a24852a8bd5918e162ebbd9106e0942deacd1bfda31ca7222e",
        )
    ]
