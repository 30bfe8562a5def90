from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0017_watch")]
    operations = [
        sql.migration(
            "019_confirmed_append.sql",
            sha256="ca1bb26a51af24067dd464a5ae9c72dab288113d82a8977a613e9bca749e67b7",
        )
    ]
