from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0007_people")]
    operations = [
        sql.migration(
            "008_halts.sql",
            sha256="f6ccd07deccfe681899d2451cf371d74b3dbf3b52c1d6969affd006aceb41916",
            models=[
                sql.model(
                    "HaltState",
                    "halt_state",
                    verbose_name="halt state",
                    verbose_name_plural="halt state",
                ),
                sql.model("UnwrittenRecord", "unwritten_records"),
            ],
        ),
    ]
