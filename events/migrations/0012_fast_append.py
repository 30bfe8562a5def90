from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0011_verifications")]
    operations = [
        sql.migration(
            "012_fast_append.sql",
            sha256="0849bf3f164006ff5b0d284f3673d284af649f5cab5e305e17175632b98df596",
        )
    ]
