from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0017_access")]
    operations = [
        sql.migration(
            "018_key_history.sql",
            sha256="e0f57b194fe063a6e43e51530db93c45772b27af29fffb6c28767b5ae93e811b",
        ),
    ]
