from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0003_key_registry")]
    operations = [
        sql.migration(
            "004_witness_validation.sql",
            sha256="5ed4e7f123d8f445cd3d6beb34ce01ef139e2e4fe8406544f54f65409ad7de7a",
        )
    ]
