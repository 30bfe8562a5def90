from django.db import migrations, models

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0014_reading_at_size")]
    operations = [
        sql.migration(
            "018_verification_ranges.sql",
            sha256="a183de3ed9661f3f997595827a782e0c800ab8a193508ea18a8567695bd81ac8",
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
                    ],
                    options={"db_table": "verification_ranges", "managed": False},
                )
            ],
        )
    ]
