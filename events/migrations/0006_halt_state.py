from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0005_clock_drift_monitoring")]
    operations = [
        sql.migration(
            "006_halt_state.sql",
            sha256="04eb04b4b7b69af8c24bc993b2251dd2e2f3c267d0428f8d7d5fc2e047def1eb",
        )
    ]
