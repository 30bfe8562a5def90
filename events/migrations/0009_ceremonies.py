from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0008_halts")]
    operations = [
        sql.migration(
            "009_ceremonies.sql",
            sha256="7ee08a79018b119d12589af1326286ec08c6a29e6827b37688f2d95ecf0e3c4d",
            models=[
                sql.model("CeremonyStep", "ceremonies"),
                sql.model("CeremonyOpening", "ceremony_openings"),
            ],
        ),
    ]
