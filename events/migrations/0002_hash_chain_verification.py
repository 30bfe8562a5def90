from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0001_create_events_table")]
    operations = [
        sql.migration(
            "002_hash_chain_verification.sql",
            sha256="56f890e0c24a265bd6a2f91876923618db1095f03b199aab0e62e7fed3278f5d",
        )
    ]
