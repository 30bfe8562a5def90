from django.db import migrations, models
from django.db.models.functions import Now

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0016_ceremonies_in_force")]
    operations = [
        sql.migration(
            "017_watch.sql",
            sha256="d6d958c8e2290224cc6100b9053a7bc7bc9a624e170f29e41a5116c397a21d5d",
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
                        ("verified_since", models.DateTimeField()),
                        ("rolled_through", models.BigIntegerField()),
                        ("round_end", models.BigIntegerField()),
                        ("round_began_at", models.DateTimeField()),
                        (
                            "round_seconds",
                            models.DecimalField(decimal_places=3, max_digits=1000, null=True),
                        ),
                        ("promised_seconds", models.BigIntegerField()),
                        ("backward_steps", models.BigIntegerField()),
                        ("open_findings", models.JSONField()),
                        ("unrecorded", models.JSONField()),
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
                        ("seal", models.TextField(null=True)),
                    ],
                    options={"db_table": "watch_alerts", "managed": False},
                ),
            ],
        )
    ]
