from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0010_ceremony_details")]
    operations = [
        sql.migration(
            "011_ceremony_decisions.sql",
            sha256="f6f9413b5a77a38a05fab1840e387a7155b0767b09a4032960dd2fbcea8e90f2",
        ),
    ]
