from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0007_ceremonies")]
    operations = [
        sql.migration(
            "008_append_protocol.sql",
            sha256="551d9c9f220cb36eeb7160520b2d6b3777589e507c0a6d567cbfe84336b9f30a",
        )
    ]
