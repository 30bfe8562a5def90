from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0008_append_protocol"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]
    operations = [
        sql.migration(
            "009_api_tokens.sql",
            sha256="d7731c399712c904f667b71c3eb26b458ffc4ef1096b84d2ddd2cf66a9dff5ae",
        )
    ]
