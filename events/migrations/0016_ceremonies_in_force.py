from django.db import migrations, models

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0018_verification_ranges")]
    operations = [
        sql.migration(
            "016_ceremonies_in_force.sql",
            sha256="498f6abf65d35a8aa6fbd702d82a04bac5c264cabf3131ce167c156ef854530f",
            models=[
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
