from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0017_access")]
    operations = [
        sql.migration(
            "018_key_history.sql",
            sha256="8194ac1c207bff2719339421f3ffc6a4a0c3e07cc60f79a3112cbaa072380cf1",
        ),
    ]
