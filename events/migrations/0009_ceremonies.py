from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0008_halts")]
    operations = [
        sql.migration(
            "009_ceremonies.sql",
            sha256="ed73be36c790dc2553f58846bdcd3a3060f89b49001504aaa778733ee823dda5",
            models=[
                sql.model("CeremonyStep", "ceremonies"),
                sql.model("CeremonyOpening", "ceremony_openings"),
            ],
        ),
    ]
