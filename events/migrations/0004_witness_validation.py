from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0003_key_registry")]
    operations = [
        sql.migration(
            "004_witness_validation.sql",
            sha256="4735439b0837b7db6d708c3262512c75443c356153dada8fbe72587deee6cd89",
            models=[sql.model("Witness", "witnesses", verbose_name_plural="witnesses")],
        ),
    ]
