from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0004_witness_validation")]
    operations = [
        sql.migration(
            "005_clock_drift_monitoring.sql",
            sha256="8d6fff70ababf20cabdf83839a90cf9e99c979e8c8419e7e58fc4afde458d86d",
            models=[
                sql.model(
                    "LedgerConfig",
                    "ledger_config",
                    verbose_name="ledger configuration",
                    verbose_name_plural="ledger configuration",
                ),
                sql.model(
                    "ClockDriftWarning", "clock_drift_warnings", verbose_name="clock drift warning"
                ),
                sql.model("DriftedEvent", "drifted_events"),
            ],
        ),
    ]
