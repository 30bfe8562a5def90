from django.db import migrations

from events import sql


class Migration(migrations.Migration):
    dependencies = [("events", "0002_hash_chain_verification")]
    operations = [
        sql.migration(
            "003_key_registry.sql",
            sha256="9a582eee9f7a59f92b195d72ff49849882e52becd36c83f8436ae67f7fa5ad53",
            models=[sql.model("AgentKey", "agent_keys", verbose_name="agent key")],
        ),
    ]
