from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0001_create_events_table")]
    operations = [
        sql.migration(
            "002_hash_chain_verification.sql",
            sha256="c9436bbb013a98fba4ef8bd2e216aae4f2b4cdfb948bec79635eb5ae0e2f057d",
        )
    ]
