from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0005_clock_drift_monitoring")]
    operations = [
        sql.migration(
            "006_append_protocol.sql",
            sha256="01e2a68e39746ce15224c06c3395235e49f0fd28939e4024374ee5eef2c01a30",
        ),
    ]
