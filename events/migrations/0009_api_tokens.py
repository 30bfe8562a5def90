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
            sha256="a25e1b8edfcef066d532ac5123f151bce388eef42ec4d2765d8a448861fa1897",
        )
    ]
