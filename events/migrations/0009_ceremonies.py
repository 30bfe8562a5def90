from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0008_halts")]
    operations = [
        sql.migration(
            "009_ceremonies.sql",
            sha256="34f65a6c67f34bb554f592a604da355c37d1379c8950e4fc1af2d52318a7ca7e",
            models=[
                sql.model("CeremonyStep", "ceremonies"),
                sql.model("CeremonyOpening", "ceremony_openings"),
            ],
        ),
    ]
