"""Shapes of the observers' answers in the OpenAPI description. They do not serialise anything."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from events.api.schema import HashField, StoredEvent
from observers.api.status import SystemStatusShape
from observers.verification.checks import Check


class Answer(serializers.Serializer[Any]):
    """Base of the answers to readers."""

    system_status = SystemStatusShape()


class EventShape(StoredEvent, Answer):
    """One event, and the state of the ledger."""


class GapShape(serializers.Serializer[Any]):
    """A run of missing sequence numbers."""

    start = serializers.IntegerField(min_value=1)
    end = serializers.IntegerField(min_value=1)
    count = serializers.IntegerField(min_value=1)
    documented = serializers.BooleanField(help_text="False: an incident.")
    ceremony_sequence = serializers.IntegerField(
        allow_null=True, help_text="The event that documents it."
    )


class ReplicaShape(serializers.Serializer[Any]):
    """The replica that answered: what it does not have yet is not missing."""

    replayed_lsn = serializers.CharField(
        allow_null=True,
        help_text="Position in the primary's log that it has replayed; null: not a standby.",
    )
    lag_seconds = serializers.FloatField(
        allow_null=True,
        help_text="Seconds that it has lacked an append; 0: none. Null: the primary does not "
        "answer.",
    )
    primary_head_sequence = serializers.IntegerField(
        allow_null=True, help_text="Last sequence on the primary; null: it does not answer."
    )


class CompletenessShape(serializers.Serializer[Any]):
    """The gaps of the answered range."""

    head_sequence = serializers.IntegerField(
        help_text="Where the ledger ends, for whoever answered; 0 when empty."
    )
    complete_through = serializers.IntegerField(
        help_text="No number up to here is missing without explanation."
    )
    start = serializers.IntegerField(help_text="First number of the answered range.")
    end = serializers.IntegerField(
        help_text="Last number of the answered range; continue polling with after=end."
    )
    gaps = GapShape(many=True, help_text="Inside the answered range, at most 1,000.")
    gaps_truncated = serializers.BooleanField(help_text="There are more gaps than these.")
    replica = ReplicaShape(allow_null=True, help_text="Null: the primary answered.")


class RangeShape(Answer):
    """A page of events in sequence order."""

    events = StoredEvent(many=True)
    next = serializers.CharField(allow_null=True, help_text="Address of the next page.")
    completeness = CompletenessShape()


class HeadShape(Answer):
    """The end of the ledger."""

    max_sequence = serializers.IntegerField(help_text="0 when the ledger is empty.")
    content_hash = HashField(help_text="Of the last event; 64 zeros when there is none.")
    authority_timestamp = serializers.DateTimeField(allow_null=True)
    event_count = serializers.IntegerField()
    ledger_id = serializers.UUIDField(help_text="The name of the ledger.")


class StrayShape(serializers.Serializer[Any]):
    """A row outside the sequence."""

    sequence = serializers.IntegerField(
        allow_null=True, help_text="The number that the row claims."
    )
    reason = serializers.ChoiceField(["below_one", "no_number", "repeated"])


class ContinuityShape(Answer):
    """The gaps of a span."""

    start = serializers.IntegerField()
    end = serializers.IntegerField()
    head_sequence = serializers.IntegerField()
    is_continuous = serializers.BooleanField(help_text="No number is missing.")
    is_explained = serializers.BooleanField(help_text="What is missing is documented.")
    missing_count = serializers.IntegerField()
    gap_count = serializers.IntegerField()
    undocumented_gap_count = serializers.IntegerField()
    gaps = GapShape(many=True, help_text="The first 1,000.")
    stray_count = serializers.IntegerField(
        help_text="Rows with a number below 1 (if start is 1) or a number that another row has."
    )
    strays = StrayShape(many=True, help_text="The first 1,000 of them.")
    replica = ReplicaShape(allow_null=True, help_text="Null: the primary answered.")
    next = serializers.CharField(allow_null=True, help_text="Address of the further gaps.")


class DriftWarningShape(serializers.Serializer[Any]):
    """One event whose two clocks differ by more than the threshold."""

    id = serializers.IntegerField()
    sequence = serializers.IntegerField()
    event_id = serializers.UUIDField()
    event_type = serializers.CharField()
    agent_id = serializers.CharField(allow_null=True)
    local_timestamp = serializers.DateTimeField()
    authority_timestamp = serializers.DateTimeField()
    drift_seconds = serializers.FloatField(min_value=0, help_text="Absolute, to a millisecond.")
    direction = serializers.ChoiceField(["ahead", "behind"], help_text="The writer's clock.")


class DriftPageShape(Answer):
    """A page of drift warnings."""

    warnings = DriftWarningShape(many=True)
    next = serializers.CharField(allow_null=True)


class ValidityShape(serializers.Serializer[Any]):
    """The sequences where a key may sign; the sequences decide, the times inform."""

    public_key = serializers.CharField(help_text="Ed25519, standard base64 of 32 bytes.")
    active_from = serializers.DateTimeField()
    active_until = serializers.DateTimeField(allow_null=True)
    from_sequence = serializers.IntegerField(help_text="First sequence it may sign.")
    until_sequence = serializers.IntegerField(allow_null=True, help_text="Last one; null: active.")


class AgentKeyShape(ValidityShape):
    """A key of an agent."""

    key_id = serializers.CharField()
    agent_id = serializers.CharField(allow_null=True, help_text="Null for the system itself.")
    sig_alg_version = serializers.IntegerField(help_text="Of the events that the key signs.")
    custody = serializers.ChoiceField(
        ["server", "writer"], help_text="Whoever holds the private key."
    )


class WitnessShape(ValidityShape):
    """A witness, which is its key."""

    witness_id = serializers.CharField()


class PersonKeyShape(ValidityShape):
    """A key of a person who takes part in ceremonies."""

    person = serializers.CharField()
    registered_by = serializers.IntegerField(
        allow_null=True, help_text="The event that says so; null: none does (yet)."
    )


class KeysShape(Answer):
    """Every public key ever registered, oldest first."""

    ledger_id = serializers.UUIDField(help_text="The ledger that the keys belong to.")
    agents = AgentKeyShape(many=True)
    witnesses = WitnessShape(many=True)
    people = PersonKeyShape(many=True)


class FindingShape(serializers.Serializer[Any]):
    """A check that failed."""

    sequence = serializers.IntegerField()
    check = serializers.ChoiceField([check.value for check in Check])
    check_number = serializers.IntegerField(help_text="As in the event format's algorithm.")
    detail = serializers.CharField()


class ErasureShape(serializers.Serializer[Any]):
    """A payload that a ceremony erased."""

    sequence = serializers.IntegerField()
    ceremony_sequence = serializers.IntegerField(help_text="The event that decided it.")
    payload_matched = serializers.BooleanField(
        required=False,
        help_text="Only ever false: the ceremony says that the payload had been changed before.",
    )


class VerificationShape(Answer):
    """The result of a verification. No finding means sound."""

    start = serializers.IntegerField()
    end = serializers.IntegerField()
    checked = serializers.IntegerField(help_text="Number of events verified.")
    is_sound = serializers.BooleanField()
    finding_count = serializers.IntegerField()
    findings = FindingShape(many=True)
    erased_count = serializers.IntegerField(help_text="Payloads that a ceremony erased.")
    erased = ErasureShape(many=True)
    documented_gaps = GapShape(many=True)
    backward_steps = serializers.IntegerField(
        help_text="Authority times below the one before; noted, never a finding (AC3)."
    )
    last_content_hash = serializers.CharField(allow_null=True)
    seconds = serializers.FloatField()
    next = serializers.CharField(allow_null=True, help_text="Address of the next span.")
