from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0002_hash_chain_verification")]
    operations = [
        sql.migration(
            "003_key_registry.sql",
            sha256="dab73254532998ca77587320b5b02fa4735852d63b87964caf34042274d59b03",
        )
    ]
