from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0006_append_protocol")]
    operations = [
        sql.migration(
            "signatures.sql",
            sha256="59432797d1b9f9843c6012809650e880dfae5f7799842dea19a6c1a6f26a4737",
        ),
        sql.migration(
            "007_people.sql",
            sha256="7202a21aa3b6b5fe263164c32b6f961c346562f99390dc7d6c9f67e325811cd5",
            models=[sql.model("PersonKey", "person_keys")],
        ),
    ]
