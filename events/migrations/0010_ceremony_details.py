from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0009_ceremonies")]
    operations = [
        sql.migration(
            "010_ceremony_details.sql",
            sha256="d502cef672f9b8b1c2f17de8da2582cdcf5507b034757b172f53d397661bc127",
        ),
    ]
