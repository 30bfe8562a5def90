from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0004_witness_validation")]
    operations = [
        sql.migration(
            "005_clock_drift_monitoring.sql",
            sha256="4c0a386eaa87b12ebf8953da40ff7207465f22895421680df7880d147e87fc78",
        )
    ]
