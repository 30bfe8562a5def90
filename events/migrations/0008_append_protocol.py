from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0007_ceremonies")]
    operations = [
        sql.migration(
            "008_append_protocol.sql",
            sha256="f455cba080540cd5d91d3c0228622b65a3a90f86db9eaccc645e6d2160c7d028",
        )
    ]
