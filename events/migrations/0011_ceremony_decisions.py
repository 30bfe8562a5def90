from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0010_ceremony_details")]
    operations = [
        sql.migration(
            "011_ceremony_decisions.sql",
            sha256="c3d2c8b45f8e994aa5cad3801123ad40239b3adcf2577519fcc45ae3f3695d71",
        ),
    ]
