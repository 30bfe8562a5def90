from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0004_witness_validation")]
    operations = [
        sql.migration(
            "005_clock_drift_monitoring.sql",
            sha256="af6fd981e439a466bbcba5c42b1e1abafae03666b2d02cd74fd5dd4db86a9a67",
        )
    ]
