from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0011_verifications")]
    operations = [
        sql.migration(
            "012_fast_append.sql",
            sha256="c3f45a544ae290c736d2fca7f3694114606c4456b9298b0fa04323d28b645e17",
        )
    ]
