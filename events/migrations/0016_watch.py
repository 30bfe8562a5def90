from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0015_continuity_memory")]
    operations = [
        sql.migration(
            "016_watch.sql",
            sha256="1ccef9b4afb2839a4196b649bd549eb059f80fbf72268de82ed55c57d5f877dc",
            models=[
                sql.model("WatchLook", "watch_looks"),
                sql.model("WatchAlert", "watch_alerts"),
            ],
        ),
    ]
