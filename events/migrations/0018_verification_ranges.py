from django.db import migrations, models

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0014_reading_at_size")]
    operations = [
        sql.migration(
            "018_verification_ranges.sql",
            sha256="3bc7d2c3e931ccc1aa178b684ca899f39bbffb32a2814b2b91610edbf7962e9a",
            models=[
                migrations.CreateModel(
                    name="VerificationRange",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        (
                            "verification",
                            models.ForeignKey("events.Verification", models.DO_NOTHING),
                        ),
                        ("start_sequence", models.BigIntegerField()),
                        ("end_sequence", models.BigIntegerField()),
                        ("figures", models.JSONField(null=True)),
                        ("seal", models.TextField(null=True)),
                    ],
                    options={"db_table": "verification_ranges", "managed": False},
                )
            ],
        )
    ]
