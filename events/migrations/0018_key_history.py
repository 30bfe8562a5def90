from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0017_access")]
    operations = [
        sql.migration(
            "018_key_history.sql",
            sha256="48fd29e82128a49ef962d1007ddba6dfd2c05bd789bc56cf6e1d7761bf3c912e",
        ),
    ]
