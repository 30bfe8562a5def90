from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0002_hash_chain_verification")]
    operations = [
        sql.migration(
            "003_key_registry.sql",
            sha256="21eb0eb3a519bd5102d09edc600679cb8f0d012ba803968d86033b73f04f040b",
        )
    ]
