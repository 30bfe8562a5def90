from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0011_ceremony_decisions")]
    operations = [
        sql.migration(
            "012_setting_up.sql",
            sha256="2814a6dde6018c313418fdd3d776bdf6b70b4cbc54c834df50126f84b5a4a3c2",
        ),
    ]
