from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0006_append_protocol")]
    operations = [
        sql.migration(
            "007_people.sql",
            sha256="7570e618c8c689453511e9045706ddb7c6d5270bca127be2a7628aac0fd15c6c",
            models=[sql.model("PersonKey", "person_keys")],
        ),
    ]
