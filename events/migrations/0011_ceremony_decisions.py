from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0010_ceremony_details")]
    operations = [
        sql.migration(
            "011_ceremony_decisions.sql",
            sha256="ba5e4a08bfafe78410e86d382e2427763e37c3b6dbedf487cfb7118329d11ce6",
        ),
    ]
