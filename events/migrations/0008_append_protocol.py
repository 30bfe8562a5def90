from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0007_ceremonies")]
    operations = [
        sql.migration(
            "008_append_protocol.sql",
            sha256="1c968b1da73f4495caf935ce5866c2fb28823dc9a42cc8b2c341ed53ee8d8b95",
        )
    ]
