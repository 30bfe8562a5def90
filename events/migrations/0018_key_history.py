from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0017_access")]
    operations = [
        sql.migration(
            "018_key_history.sql",
            sha256="1622287d615026835338aa781eee9c14c5f1644c3d83cc76ac42eb96c87489ae",
        ),
    ]
