from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0007_ceremonies")]
    operations = [
        sql.migration(
            "008_append_protocol.sql",
            sha256="74a1923cbbdc9b7899c42710a9ff9501a626e64856feeed21a04ee75851ea238",
        )
    ]
