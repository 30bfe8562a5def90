from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0011_ceremony_decisions")]
    operations = [
        sql.migration(
            "012_setting_up.sql",
            sha256="9f6345075fefdb8e379131cc3b8b34cfccb7d5fed715912bdd38d5dac701aff7",
        ),
    ]
