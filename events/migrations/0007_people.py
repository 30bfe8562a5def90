from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0006_append_protocol")]
    operations = [
        sql.migration(
            "signatures.sql",
            sha256="26f7f8cc49bc573e1b200591bdae722ba432f52bb3b21ca705fac23ac3dec76a",
        ),
        sql.migration(
            "007_people.sql",
            sha256="86ea0a86c89b25088033b067d5707c85fba6c5429489db0a56fb9fe15cd93d0f",
            models=[sql.model("PersonKey", "person_keys")],
        ),
    ]
