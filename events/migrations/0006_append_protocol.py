from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0005_clock_drift_monitoring")]
    operations = [
        sql.migration(
            "006_append_protocol.sql",
            sha256="8f31bb2db99fbe3c818b7a7c20f31c30f611ccb4615f4dbb4910699fee644538",
        ),
    ]
