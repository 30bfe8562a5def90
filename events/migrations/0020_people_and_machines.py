from django.db import migrations, models

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0019_confirmed_append")]
    operations = [
        sql.migration(
            "020_people_and_machines.sql",
            sha256="c6ae4d3d1190a063fbd665df583a30e02fd8b6674e5ee371948892169fa580ee",
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
                *(
                    migrations.AddField("apitoken", name, models.TextField(null=True, blank=True))
                    for name in (
                        "event_type",
                        "type_field",
                        "id_field",
                        "local_time",
                        "local_time_unit",
                        "local_zone",
                        "agent_field",
                        "agents_under",
                    )
                ),
                migrations.CreateModel(
                    name="RefusalCount",
                    fields=[
                        ("problem", models.TextField(primary_key=True, serialize=False)),
                        ("number", models.BigIntegerField()),
                    ],
                    options={
                        "db_table": "refusals",
                        "managed": False,
                        "verbose_name": "refusal",
                    },
                ),
            ],
        )
    ]
