from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0007_people")]
    operations = [
        sql.migration(
            "008_halts.sql",
            sha256="15f5b704cc63c4da780e1622067475d8b5b9abcb9c5f545eca3c6428a2b63ca2",
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
