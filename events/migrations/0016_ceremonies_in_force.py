from django.db import migrations, models

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0018_verification_ranges")]
    operations = [
        sql.migration(
            "016_ceremonies_in_force.sql",
            sha256="9383ac4c5eb34778becf17ae391309c307819b9741ca6bba0775d53a7641e35b",
            models=[
                migrations.AddField(
                    model_name="ledgerconfig",
                    name="proposal_days",
                    field=models.IntegerField(),
                    preserve_default=False,
                ),
                migrations.CreateModel(
                    name="PersonKey",
                    fields=[
                        ("public_key", models.TextField(primary_key=True, serialize=False)),
                        ("person", models.TextField()),
                        ("event_id", models.UUIDField()),
                        ("active_from", models.DateTimeField()),
                        ("active_until", models.DateTimeField(null=True)),
                        ("from_sequence", models.BigIntegerField()),
                        ("until_sequence", models.BigIntegerField(null=True)),
                    ],
                    options={"db_table": "person_keys", "managed": False},
                ),
                migrations.CreateModel(
                    name="UnwrittenRecord",
                    fields=[
                        ("event_id", models.UUIDField(primary_key=True, serialize=False)),
                        ("event_type", models.TextField()),
                        ("payload", models.JSONField()),
                        ("recorded_at", models.DateTimeField()),
                    ],
                    options={"db_table": "unwritten_records", "managed": False},
                ),
                migrations.CreateModel(
                    name="CeremonyOpening",
                    fields=[
                        ("ceremony_id", models.UUIDField(primary_key=True, serialize=False)),
                        ("transaction", models.TextField()),
                    ],
                    options={"db_table": "ceremony_openings", "managed": False},
                ),
            ],
        )
    ]
