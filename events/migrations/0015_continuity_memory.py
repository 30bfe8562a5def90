from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0014_verifications")]
    operations = [
        sql.migration(
            "015_continuity_memory.sql",
            sha256="5a5146d5f2a2f1ec181617261e0d7c3d60f113e0f9fd68b0bdf099aa85a5f522",
            models=[sql.model("ContinuityMemory", "continuity_memory")],
        ),
    ]
