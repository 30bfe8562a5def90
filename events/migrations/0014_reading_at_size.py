from django.db import migrations, models
from django.db.models.functions import Now

from events import sql
from events.models import Int8MultirangeField


class Migration(migrations.Migration):
    dependencies = [("events", "0012_fast_append")]
    operations = [
        sql.migration(
            "014_reading_at_size.sql",
            sha256="52d6a81cae3904a284b610f4defff553b11afb797ec81f60f7c5c7cd1abc9115",
            models=[
                migrations.CreateModel(
                    name="ContinuityMemory",
                    fields=[
                        (
                            "singleton",
                            models.BooleanField(default=True, primary_key=True, serialize=False),
                        ),
                        ("seen_whole", Int8MultirangeField(default="{}")),
                        ("looked_through", models.BigIntegerField(default=0)),
                        ("round_began_at", models.DateTimeField(db_default=Now())),
                        ("previous_round_began_at", models.DateTimeField(null=True)),
                    ],
                    options={"db_table": "continuity_memory", "managed": False},
                ),
                migrations.CreateModel(
                    name="DriftedEvent",
                    fields=[
                        ("sequence", models.BigIntegerField(primary_key=True, serialize=False)),
                        ("agent_id", models.TextField(null=True)),
                    ],
                    options={"db_table": "drifted_events", "managed": False},
                ),
            ],
        )
    ]
