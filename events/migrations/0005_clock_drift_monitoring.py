from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0004_witness_validation")]
    operations = [
        sql.migration(
            "005_clock_drift_monitoring.sql",
            sha256="5d215db883cf16ef5350d61397f5b6ded87fecc441173802aa15f7f50eb45af6",
        )
    ]
