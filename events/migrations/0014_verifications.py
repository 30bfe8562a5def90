from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0013_api_tokens")]
    operations = [
        sql.migration(
            "014_verifications.sql",
            sha256="a978abca11b33d00ddf26f4ff34916285c423ad8bd85910959228ac78b7b9f86",
            models=[
                sql.model("Verification", "verifications"),
                sql.model("VerificationRange", "verification_ranges"),
            ],
        ),
    ]
