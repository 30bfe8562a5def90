from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0012_setting_up"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]
    operations = [
        sql.migration(
            "013_api_tokens.sql",
            sha256="6369ad8ecf3521c7df91d35427f5f98a75da0e00d1597597f03113e4ba4a0bd4",
            models=[sql.model("ApiToken", "api_tokens", verbose_name="API token")],
        ),
    ]
