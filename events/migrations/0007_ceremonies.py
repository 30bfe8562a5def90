from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0006_halt_state")]
    operations = [
        sql.migration(
            "007_ceremonies.sql",
            sha256="a4eb9b6a055af6ccbb3a6de687f9a7cffb7d15f2fd4d688ee582a84f06330c90",
        )
    ]
