from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0011_verifications")]
    operations = [
        sql.migration(
            "012_fast_append.sql",
            sha256="9749754e5fe1a36f4ee53d3b323e8372960ec8913d828c7dd2e0351b2bcccdcc",
        )
    ]
