from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0004_witness_validation")]
    operations = [
        sql.migration(
            "005_clock_drift_monitoring.sql",
            sha256="ea10b6a8d7123ae8393e794901c4777b9459264dc42bab616b4869bd41a5ff98",
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
