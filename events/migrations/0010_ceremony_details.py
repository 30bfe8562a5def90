from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0009_ceremonies")]
    operations = [
        sql.migration(
            "010_ceremony_details.sql",
            sha256="736b56984302c6fe53c11cc61d9e3f0fd8a36066bdd69ce7d78146e6cf4d5621",
        ),
    ]
