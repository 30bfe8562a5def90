from django.db import migrations, models
from django.db.models.functions import Now

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0016_ceremonies_in_force")]
    operations = [
        sql.migration(
            "017_watch.sql",
            sha256="4dd70b5ec682614384d686e96496297dac065bf6e4f6773f01da0acc37883742",
            models=[
                migrations.CreateModel(
                    name="WatchLook",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        ("began_at", models.DateTimeField()),
                        ("seconds", models.DecimalField(decimal_places=3, max_digits=1000)),
                        ("watcher", models.TextField()),
                        ("head_sequence", models.BigIntegerField()),
                        ("verified_through", models.BigIntegerField()),
                        ("rolled_through", models.BigIntegerField()),
                        ("backward_steps", models.BigIntegerField()),
                        ("open_findings", models.JSONField()),
                        ("unrecorded", models.JSONField()),
                        ("trigger_versions", models.JSONField()),
                    ],
                    options={"db_table": "watch_looks", "managed": False},
                ),
                migrations.CreateModel(
                    name="WatchAlert",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        ("channel", models.TextField()),
                        ("findings", models.JSONField()),
                        ("created_at", models.DateTimeField(db_default=Now())),
                        ("state", models.TextField(default="waiting")),
                        ("attempts", models.IntegerField(default=0)),
                        ("ended_at", models.DateTimeField(null=True)),
                        ("last_error", models.TextField(null=True)),
                    ],
                    options={"db_table": "watch_alerts", "managed": False},
                ),
            ],
        )
    ]
