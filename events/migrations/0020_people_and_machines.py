from django.db import migrations, models

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0019_confirmed_append")]
    operations = [
        sql.migration(
            "020_people_and_machines.sql",
            sha256="bc8481167dd5a2cc4ee48b741a441c17dddb187fc20ffab8b7129bf8b406cc56",
            models=[
                migrations.CreateModel(
                    name="AccessEntry",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        ("at", models.DateTimeField()),
                        ("kind", models.TextField()),
                        ("who", models.TextField(null=True)),
                        ("agent_id", models.TextField(null=True)),
                        ("address", models.TextField()),
                        ("route", models.TextField()),
                        ("asked", models.TextField()),
                        ("outcome", models.TextField()),
                        ("status", models.SmallIntegerField()),
                        ("events", models.BigIntegerField(null=True)),
                    ],
                    options={
                        "db_table": "access_log",
                        "managed": False,
                        "verbose_name": "access",
                        "verbose_name_plural": "access log",
                    },
                ),
                migrations.CreateModel(
                    name="SignInBucket",
                    fields=[
                        ("network", models.TextField(primary_key=True, serialize=False)),
                        ("level", models.FloatField()),
                        ("at", models.DateTimeField()),
                    ],
                    options={
                        "db_table": "sign_in_buckets",
                        "managed": False,
                        "verbose_name": "sign-in bucket",
                    },
                ),
                migrations.AlterModelOptions(
                    name="ledgerevent",
                    options={
                        "managed": False,
                        "verbose_name": "event",
                        "permissions": [
                            ("read_ledger", "May read the ledger"),
                            ("start_verification", "May have the ledger verified"),
                            ("halt_ledger", "May halt the ledger"),
                            ("manage_keys", "May make and retire keys"),
                            ("hold_ceremonies", "May propose and approve ceremonies"),
                        ],
                    },
                ),
                migrations.AddField("apitoken", "reads", models.TextField(default="all")),
                migrations.AddField("apitoken", "last_used_at", models.DateTimeField(null=True)),
            ],
        )
    ]
