from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = []
    operations = [
        sql.migration(
            "001_create_events_table.sql",
            sha256="3355235cb03a55d73529786212759f49be2035e527c41305c8bf8fffda04455d",
        )
    ]
