from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0001_create_events_table")]
    operations = [
        sql.migration(
            "002_hash_chain_verification.sql",
            sha256="c08a680f726a9b3194a6e981995cc5b37df70ddab82ec6b6490159f010ae66a4",
            models=[sql.model("Append", "appends")],
        ),
    ]
