from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0009_ceremonies")]
    operations = [
        sql.migration(
            "010_ceremony_details.sql",
            sha256="62b18391ad6166b02fc8abd48970d473a97e3eeee39250417e51c9492df51b5c",
        ),
    ]
