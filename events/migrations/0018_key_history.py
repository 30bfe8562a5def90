from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0017_access")]
    operations = [
        sql.migration(
            "018_key_history.sql",
            sha256="ae6a029bf5b828a6912b0bb0627fec57d56859c276aa9b2033580311a764e9f3",
        ),
    ]
