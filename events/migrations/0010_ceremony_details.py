from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0009_ceremonies")]
    operations = [
        sql.migration(
            "010_ceremony_details.sql",
            sha256="fa1db1a07b8d5737e6b75e462cdbd933ef82f33362b6002e670d45740832fd5c",
        ),
    ]
