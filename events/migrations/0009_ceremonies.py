from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0008_halts")]
    operations = [
        sql.migration(
            "009_ceremonies.sql",
            sha256="ac45355d95af48e5ecbe319bef4ed72860adcd849fac068bfb84eccc21ff9cc5",
            models=[
                sql.model("CeremonyStep", "ceremonies"),
                sql.model("CeremonyOpening", "ceremony_openings"),
            ],
        ),
    ]
