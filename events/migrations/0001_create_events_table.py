from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = []
    operations = [
        sql.migration(
            "001_create_events_table.sql",
            sha256="b5357cb0fc3b07ed29c6bd39427e334e7f286065f5315a666d9b2979f3bdc9c4",
        )
    ]
