from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0002_hash_chain_verification")]
    operations = [
        sql.migration(
            "003_key_registry.sql",
            sha256="c054e072441374a1ca2cce3ab362cd721a18c5e345e44b8fc2f0ff92fa58b7fe",
            models=[sql.model("AgentKey", "agent_keys", verbose_name="agent key")],
        ),
    ]
