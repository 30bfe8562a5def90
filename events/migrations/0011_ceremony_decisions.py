from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0010_ceremony_details")]
    operations = [
        sql.migration(
            "011_ceremony_decisions.sql",
            sha256="594706ebb5b19b5dd8b355d9506c9ec91793e1f43680b3bf2ab9e62de1e23aaa",
        ),
    ]
