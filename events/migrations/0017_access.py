from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0016_watch")]
    operations = [
        sql.migration(
            "017_access.sql",
            sha256="b96a747389e5cbfb1a180668a05acbfaca580b40f5cf2627aa9d48a4e38c65ef",
            models=[
                sql.model(
                    "AccessEntry",
                    "access_log",
                    verbose_name="access",
                    verbose_name_plural="access log",
                ),
                sql.model("SignInBucket", "sign_in_buckets", verbose_name="sign-in bucket"),
                sql.model("RefusalCount", "refusals", verbose_name="refusal"),
            ],
        ),
    ]
