from django.db import migrations, models
from django.db.models.functions import Now

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0010_mirror_models")]
    operations = [
        sql.migration(
            "011_verifications.sql",
            sha256="a5fc1d308ede3ef9aaf0c6e3dfe9e168b0f4badbbf36fdf769c7ae9cb874e804",
            models=[
                migrations.CreateModel(
                    name="Verification",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        ("requested_by", models.TextField()),
                        ("requested_at", models.DateTimeField(db_default=Now())),
                        ("start_sequence", models.BigIntegerField()),
                        ("end_sequence", models.BigIntegerField()),
                        ("state", models.TextField(default="waiting")),
                        ("runs", models.IntegerField(default=0)),
                        ("started_at", models.DateTimeField(null=True)),
                        ("ended_at", models.DateTimeField(null=True)),
                        ("cancelled_by", models.TextField(null=True)),
                        ("reached_sequence", models.BigIntegerField()),
                        ("checked", models.BigIntegerField(default=0)),
                        ("finding_count", models.BigIntegerField(default=0)),
                        ("findings", models.JSONField(default=list)),
                        ("findings_by_check", models.JSONField(default=dict)),
                        ("documented_gap_count", models.BigIntegerField(default=0)),
                        ("documented_gaps", models.JSONField(default=list)),
                        ("backward_steps", models.BigIntegerField(default=0)),
                        ("last_content_hash", models.TextField(null=True)),
                        (
                            "worked_seconds",
                            models.DecimalField(decimal_places=3, default=0, max_digits=1000),
                        ),
                        ("failure", models.TextField(null=True)),
                        ("seal", models.TextField(null=True)),
                    ],
                    options={"db_table": "verifications", "managed": False},
                )
            ],
        )
    ]
