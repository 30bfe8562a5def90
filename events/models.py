"""Models of the ledger's tables, which migrations create in plain SQL. Mirrors of ledger tables are
read-only: every save or delete raises.

`events/tests/store/test_models_mirror_catalogue.py` compares them with the database's catalogue.
"""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from django.db import models
from django.db.models.functions import Now
from knox.models import AbstractAuthToken

from events.errors import LedgerError


class Int8MultirangeField(models.Field):  # type: ignore[type-arg]
    """PostgreSQL's INT8MULTIRANGE, with values as psycopg gives them."""

    def db_type(self, connection: Any) -> str:
        """The type's name in the catalogue."""
        return "int8multirange"


class ReadOnlyModelError(LedgerError):
    """A write through a read-only model was attempted."""


def _refuse(model: type[models.Model]) -> NoReturn:
    raise ReadOnlyModelError(f"FR7: {model._meta.db_table} is read-only here; use the writer")


class ReadOnlyQuerySet(models.QuerySet[Any]):
    """A query set that can only read."""

    def create(self, **kwargs: Any) -> NoReturn:
        _refuse(self.model)

    def bulk_create(self, *args: Any, **kwargs: Any) -> NoReturn:
        _refuse(self.model)

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        _refuse(self.model)

    def update(self, **kwargs: Any) -> NoReturn:
        _refuse(self.model)

    def delete(self) -> NoReturn:
        _refuse(self.model)


class ReadOnlyModel(models.Model):
    """Base of every mirror."""

    objects: ClassVar[Any] = ReadOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        _refuse(type(self))

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        _refuse(type(self))


class LedgerEvent(ReadOnlyModel):
    """`events`: append-only, hash-chained, signed, witnessed (FR6, FR7, CT-12)."""

    event_id = models.UUIDField(primary_key=True)
    sequence = models.BigIntegerField(unique=True)
    event_type = models.TextField()
    payload = models.JSONField()
    prev_hash = models.TextField()
    content_hash = models.TextField()
    signature = models.TextField()
    hash_alg_version = models.SmallIntegerField()
    sig_alg_version = models.SmallIntegerField()
    agent_id = models.TextField(null=True)
    witness_id = models.TextField()
    witness_signature = models.TextField()
    local_timestamp = models.DateTimeField()
    authority_timestamp = models.DateTimeField()
    signing_key_id = models.TextField()
    payload_hash = models.TextField()
    payload_salt = models.TextField()

    class Meta:
        managed = False
        db_table = "events"
        verbose_name = "event"
        permissions = [
            ("read_ledger", "May read the ledger"),
            ("start_verification", "May have the ledger verified"),
            ("halt_ledger", "May halt the ledger"),
            ("manage_keys", "May make and retire keys"),
            ("hold_ceremonies", "May propose and approve ceremonies"),
        ]

    def __str__(self) -> str:
        return f"{self.sequence} {self.event_type}"


class Append(ReadOnlyModel):
    """`appends`: one row per append transaction; the last one is the head."""

    last_sequence = models.BigIntegerField(primary_key=True)
    first_sequence = models.BigIntegerField()
    content_hash = models.TextField()
    authority_timestamp = models.DateTimeField()
    event_count = models.BigIntegerField()

    class Meta:
        managed = False
        db_table = "appends"

    def __str__(self) -> str:
        return f"{self.first_sequence} to {self.last_sequence}"


class AgentKey(ReadOnlyModel):
    """`agent_keys`: Ed25519 public keys, valid by place in the ledger, never deleted."""

    key_id = models.TextField(primary_key=True)
    agent_id = models.TextField(null=True)
    public_key = models.TextField(unique=True)
    sig_alg_version = models.SmallIntegerField()
    custody = models.TextField()
    active_from = models.DateTimeField()
    active_until = models.DateTimeField(null=True)
    from_sequence = models.BigIntegerField()
    until_sequence = models.BigIntegerField(null=True)

    class Meta:
        managed = False
        db_table = "agent_keys"
        verbose_name = "agent key"

    def __str__(self) -> str:
        return self.key_id


class Witness(ReadOnlyModel):
    """`witnesses`: a witness is its key (CT-12)."""

    witness_id = models.TextField(primary_key=True)
    public_key = models.TextField(unique=True)
    active_from = models.DateTimeField()
    active_until = models.DateTimeField(null=True)
    from_sequence = models.BigIntegerField()
    until_sequence = models.BigIntegerField(null=True)

    class Meta:
        managed = False
        db_table = "witnesses"
        verbose_name_plural = "witnesses"

    def __str__(self) -> str:
        return self.witness_id


class ClockDriftWarning(ReadOnlyModel):
    """`clock_drift_warnings`: written by the trigger `log_clock_drift_on_insert` (AC4)."""

    id = models.BigAutoField(primary_key=True)
    event = models.ForeignKey(
        LedgerEvent, on_delete=models.DO_NOTHING, related_name="drift_warnings"
    )
    local_timestamp = models.DateTimeField()
    authority_timestamp = models.DateTimeField()
    drift_seconds = models.DecimalField(max_digits=1000, decimal_places=3)
    logged_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "clock_drift_warnings"
        verbose_name = "clock drift warning"

    def __str__(self) -> str:
        return f"{self.drift_seconds} s"


class LedgerConfig(ReadOnlyModel):
    """`ledger_config`: one row, the name of the ledger, its drift threshold, and how long a
    proposal stands."""

    singleton = models.BooleanField(primary_key=True)
    ledger_id = models.UUIDField()
    drift_threshold_seconds = models.DecimalField(max_digits=1000, decimal_places=3)
    proposal_days = models.IntegerField()

    class Meta:
        managed = False
        db_table = "ledger_config"
        verbose_name = verbose_name_plural = "ledger configuration"

    def __str__(self) -> str:
        return f"drift threshold {self.drift_threshold_seconds} s"


class HaltState(ReadOnlyModel):
    """`halt_state`: one row, whether appending is stopped (CT-11)."""

    singleton = models.BooleanField(primary_key=True)
    halted = models.BooleanField()
    reason = models.TextField(null=True)
    halted_at = models.DateTimeField(null=True)
    halted_by = models.TextField(null=True)
    cleared_by = models.UUIDField(null=True)

    class Meta:
        managed = False
        db_table = "halt_state"
        verbose_name = verbose_name_plural = "halt state"

    def __str__(self) -> str:
        return f"halted: {self.reason}" if self.halted else "running"


class CeremonyStep(ReadOnlyModel):
    """`ceremonies`: what people proposed, approved and recorded (CT-13)."""

    id = models.BigAutoField(primary_key=True)
    ceremony_id = models.UUIDField()
    kind = models.TextField()
    step = models.TextField()
    person = models.TextField()
    content = models.JSONField()
    event = models.ForeignKey(LedgerEvent, on_delete=models.DO_NOTHING, null=True)
    recorded_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "ceremonies"

    def __str__(self) -> str:
        return f"{self.kind} {self.step} by {self.person}"


class DriftedEvent(ReadOnlyModel):
    """`drifted_events`: the sequences of events with a drift warning, by agent."""

    sequence = models.BigIntegerField(primary_key=True)
    agent_id = models.TextField(null=True)

    class Meta:
        managed = False
        db_table = "drifted_events"

    def __str__(self) -> str:
        return str(self.sequence)


class ContinuityMemory(ReadOnlyModel):
    """`continuity_memory`: one row, the ranges of sequences known to be complete, and the progress
    of the round that re-checks them. Written by `remember_continuity()` only."""

    singleton = models.BooleanField(primary_key=True, default=True)
    seen_whole = Int8MultirangeField(default="{}")
    looked_through = models.BigIntegerField(default=0)
    round_began_at = models.DateTimeField(db_default=Now())
    previous_round_began_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "continuity_memory"

    def __str__(self) -> str:
        return f"looked through {self.looked_through}"


class PersonKey(ReadOnlyModel):
    """`person_keys`: the people who hold ceremonies, valid by place, never deleted (CT-13)."""

    public_key = models.TextField(primary_key=True)
    person = models.TextField()
    event_id = models.UUIDField()
    active_from = models.DateTimeField()
    active_until = models.DateTimeField(null=True)
    from_sequence = models.BigIntegerField()
    until_sequence = models.BigIntegerField(null=True)

    class Meta:
        managed = False
        db_table = "person_keys"

    def __str__(self) -> str:
        return self.person


class UnwrittenRecord(ReadOnlyModel):
    """`unwritten_records`: system events that could not be written when they happened."""

    event_id = models.UUIDField(primary_key=True)
    event_type = models.TextField()
    payload = models.JSONField()
    recorded_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "unwritten_records"

    def __str__(self) -> str:
        return self.event_type


class CeremonyOpening(ReadOnlyModel):
    """`ceremony_openings`: which transaction recorded which ceremony."""

    ceremony_id = models.UUIDField(primary_key=True)
    transaction = models.TextField()

    class Meta:
        managed = False
        db_table = "ceremony_openings"

    def __str__(self) -> str:
        return f"{self.ceremony_id}"


class Verification(models.Model):
    """`verifications`: the requested range, progress and findings of each verification.

    Written by `observers.verification_jobs`; the database refuses changes to a record that has
    ended.
    """

    id = models.BigAutoField(primary_key=True)
    requested_by = models.TextField()
    requested_at = models.DateTimeField(db_default=Now())
    start_sequence = models.BigIntegerField()
    end_sequence = models.BigIntegerField()
    state = models.TextField(default="waiting")
    runs = models.IntegerField(default=0)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    cancelled_by = models.TextField(null=True)
    reached_sequence = models.BigIntegerField()
    checked = models.BigIntegerField(default=0)
    finding_count = models.BigIntegerField(default=0)
    findings = models.JSONField(default=list)
    findings_by_check = models.JSONField(default=dict)
    documented_gap_count = models.BigIntegerField(default=0)
    documented_gaps = models.JSONField(default=list)
    backward_steps = models.BigIntegerField(default=0)
    last_content_hash = models.TextField(null=True)
    worked_seconds = models.DecimalField(max_digits=1000, decimal_places=3, default=0)
    failure = models.TextField(null=True)
    seal = models.TextField(null=True)

    class Meta:
        managed = False
        db_table = "verifications"

    def __str__(self) -> str:
        return f"{self.start_sequence} to {self.end_sequence}, {self.state}"

    @property
    def is_open(self) -> bool:
        """True while it waits or runs."""
        return self.ended_at is None

    @property
    def is_sound(self) -> bool:
        """True if the whole range was verified without findings."""
        return self.state == "finished" and self.finding_count == 0


class VerificationRange(models.Model):
    """`verification_ranges`: a part of a verification, until its figures are in the record."""

    verification = models.ForeignKey(Verification, models.DO_NOTHING)
    start_sequence = models.BigIntegerField()
    end_sequence = models.BigIntegerField()
    figures = models.JSONField(null=True)
    seal = models.TextField(null=True)

    class Meta:
        managed = False
        db_table = "verification_ranges"

    def __str__(self) -> str:
        return f"{self.start_sequence} to {self.end_sequence} of {self.verification_id}"


class WatchLook(models.Model):
    """`watch_looks`: the result of each check by the watch, kept for a day, for display only.

    Known findings are read from the ledger, and the watch's own position from its file.
    """

    id = models.BigAutoField(primary_key=True)
    began_at = models.DateTimeField()
    seconds = models.DecimalField(max_digits=1000, decimal_places=3)
    watcher = models.TextField()
    head_sequence = models.BigIntegerField()
    verified_through = models.BigIntegerField()
    verified_since = models.DateTimeField()
    rolled_through = models.BigIntegerField()
    round_end = models.BigIntegerField()
    round_began_at = models.DateTimeField()
    round_seconds = models.DecimalField(max_digits=1000, decimal_places=3, null=True)
    promised_seconds = models.BigIntegerField()
    backward_steps = models.BigIntegerField()
    open_findings = models.JSONField()
    unrecorded = models.JSONField()

    class Meta:
        managed = False
        db_table = "watch_looks"

    def __str__(self) -> str:
        return f"{self.began_at:%Y-%m-%d %H:%M:%S}, {sum(self.open_findings.values())} open"


class WatchAlert(models.Model):
    """`watch_alerts`: alerts to send or sent, by channel. A row that has ended does not change."""

    id = models.BigAutoField(primary_key=True)
    channel = models.TextField()
    findings = models.JSONField()
    created_at = models.DateTimeField(db_default=Now())
    state = models.TextField(default="waiting")
    attempts = models.IntegerField(default=0)
    ended_at = models.DateTimeField(null=True)
    last_error = models.TextField(null=True)
    seal = models.TextField(null=True)

    class Meta:
        managed = False
        db_table = "watch_alerts"

    def __str__(self) -> str:
        return f"{self.channel}, {self.state}"


class AccessEntry(ReadOnlyModel):
    """`access_log`: who read what, from where, and the outcome. Written by `events.access`."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    kind = models.TextField()
    who = models.TextField(null=True)
    agent_id = models.TextField(null=True)
    address = models.TextField()
    route = models.TextField()
    asked = models.TextField()
    outcome = models.TextField()
    status = models.SmallIntegerField()
    events = models.BigIntegerField(null=True)

    class Meta:
        managed = False
        db_table = "access_log"
        verbose_name = "access"
        verbose_name_plural = "access log"

    def __str__(self) -> str:
        return f"{self.who or 'the public'}: {self.asked}"


class SignInBucket(models.Model):
    """Rate limit of sign-in attempts per network, shared by all processes."""

    network = models.TextField(primary_key=True)
    level = models.FloatField()
    at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "sign_in_buckets"
        verbose_name = "sign-in bucket"

    def __str__(self) -> str:
        return f"{self.network}: {self.level}"


class RefusalCount(models.Model):
    """`refusals`: the number of refused requests, by kind. Written by `events.access.recorder`."""

    problem = models.TextField(primary_key=True)
    number = models.BigIntegerField()

    class Meta:
        managed = False
        db_table = "refusals"
        verbose_name = "refusal"

    def __str__(self) -> str:
        return f"{self.problem}: {self.number}"


class Reads(models.TextChoices):
    """Read scope of a token: every event, those of its own agent, or none."""

    ALL = "all"
    OWN = "own"
    NOTHING = "nothing"


class ApiToken(AbstractAuthToken):  # type: ignore[misc]
    """`api_tokens`: a token bound to one agent or, without an agent, to reading only.

    `last_used_at` is updated at most once a minute. The fields after it say how records of log
    shippers become events (`events.api.shippers.mapping`), and the name prefix under which the
    token may write for other agents.
    """

    agent_id = models.TextField(null=True, blank=True)
    reads = models.TextField(default=Reads.ALL)
    last_used_at = models.DateTimeField(null=True)
    event_type = models.TextField(null=True, blank=True)
    type_field = models.TextField(null=True, blank=True)
    id_field = models.TextField(null=True, blank=True)
    local_time = models.TextField(null=True, blank=True)
    local_time_unit = models.TextField(null=True, blank=True)
    local_zone = models.TextField(null=True, blank=True)
    agent_field = models.TextField(null=True, blank=True)
    agents_under = models.TextField(null=True, blank=True)

    class Meta:
        managed = False
        db_table = "api_tokens"
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.token_key}… for {self.agent_id or 'reading'}"

    @property
    def only_agent(self) -> str | None:
        """The only agent whose events it may read, or None if it is not restricted to one."""
        return self.agent_id if self.reads == Reads.OWN else None

    @property
    def may(self) -> str:
        """The token's permissions in words."""
        if not self.agent_id:
            return "read everything"
        reading = {"all": "read everything", "own": "read its events", "nothing": "read nothing"}
        under = f" and agents under {self.agents_under}" if self.agents_under else ""
        return f"write as {self.agent_id}{under}, {reading[self.reads]}"
