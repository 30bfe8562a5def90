from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0009_ceremonies")]
    operations = [
        sql.migration(
            "010_ceremony_details.sql",
            sha256="f70fdc45646011a8fb73c36b7be9f51c733a196bf8f673c146facd42549f1dc1",
        ),
    ]
