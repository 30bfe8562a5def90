"""`agent_keys`: creates, registers, lists, rotates and retires the agents' signing keys."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from events.append.services import key_backend
from events.format import key_events
from events.format.names import wrong_name
from events.management.base import ActionCommand, refuse, table, until
from events.registrar import registrar
from events.store import registry
from events.store.registry import AgentKeyRecord

SYSTEM = "the system"
USING = "default"


class Command(ActionCommand):
    """One subcommand each; results go to stdout."""

    help = (
        "Create, register, list, rotate and retire the agents' signing keys. A key is never "
        "deleted: it still verifies what it signed."
    )

    def add_actions(self, actions: Any) -> None:
        create = actions.add_parser("create", help="the first key of an agent")
        _add_agent(create)
        create.add_argument("--key-id", help="name of the key; default: derived from the agent's")
        register = actions.add_parser("register", help="a key whose private half its writer keeps")
        register.add_argument("--agent", required=True, help="name of the agent")
        register.add_argument("--key-id", required=True, help="name of the key")
        register.add_argument(
            "--public-key", required=True, metavar="FILE|BASE64", help="32 bytes in base64"
        )
        register.add_argument("--proof", required=True, help="64 bytes in base64")
        register.add_argument("--replaces", metavar="KEY_ID", help="the agent's key until now")
        listing = actions.add_parser("list", help="every key, with the sequences it is valid for")
        listing.add_argument("--agent", help="only this agent's")
        listing.add_argument("--active", action="store_true", help="only those that can sign now")
        _add_agent(actions.add_parser("rotate", help="replace a key with a new one"))
        retire = actions.add_parser("retire", help="retire a key permanently")
        retire.add_argument("key_id")

    def _create(self, options: dict[str, Any]) -> tuple[Any, str]:
        agent = _agent(options)
        key_id = registrar().create_key(agent, options["key_id"])
        return {"agent_id": agent, "key_id": key_id}, f"{agent or SYSTEM} signs with {key_id}"

    def _register(self, options: dict[str, Any]) -> tuple[Any, str]:
        agent, key_id, replaces = _named(options["agent"]), options["key_id"], options["replaces"]
        public_key = _text_of(options["public_key"])
        event = registrar().register_writer_key(
            agent, key_id, public_key, options["proof"], replaces
        )
        answer = {
            "agent_id": agent,
            "key_id": key_id,
            "public_key": public_key,
            "custody": key_events.WRITER,
            "from_sequence": event.sequence + 1,
        }
        after = "" if replaces is None else f"; {replaces} is retired and still verifies"
        return answer, (
            f"{agent} signs its own events with {key_id} ({public_key}), "
            f"from sequence {event.sequence + 1} on{after}"
        )

    def _list(self, options: dict[str, Any]) -> tuple[Any, str]:
        keys = [
            _as_dict(key)
            for key in registry.list_agent_keys(USING)
            if (options["agent"] is None or key.agent_id == options["agent"])
            and not (options["active"] and key.validity.until_sequence is not None)
        ]
        return keys, table(
            ("key", "agent", "from sequence", "until sequence", "active from", "private key"),
            [
                (
                    key["key_id"],
                    key["agent_id"] or SYSTEM,
                    key["from_sequence"],
                    until(key["from_sequence"], key["until_sequence"]),
                    key["active_from"],
                    _where(key),
                )
                for key in keys
            ],
            empty="there is no such key",
        )

    def _rotate(self, options: dict[str, Any]) -> tuple[Any, str]:
        agent = _agent(options)
        old, new = registrar().rotate_key(agent)
        answer = {"agent_id": agent, "retired": old, "key_id": new}
        return answer, f"{agent or SYSTEM} signs with {new}; {old} is retired and still verifies"

    def _retire(self, options: dict[str, Any]) -> tuple[Any, str]:
        key_id = options["key_id"]
        last = registrar().retire_key(key_id)
        owner = next(
            key.agent_id for key in registry.list_agent_keys(USING) if key.key_id == key_id
        )
        self.stderr.write(
            f"WARNING: {owner or SYSTEM} has no active key now and cannot write. "
            f"`agent_keys create` gives it one; `agent_keys rotate` would have left no gap."
        )
        answer = {"agent_id": owner, "retired": key_id, "until_sequence": last}
        return answer, f"{key_id} is retired; the last sequence it may have signed is {last}"


def _add_agent(parser: ArgumentParser) -> None:
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("agent", nargs="?", help="name of the agent")
    who.add_argument("--system", action="store_true", help="the system's own key")


def _agent(options: dict[str, Any]) -> str | None:
    if options["system"]:
        return None
    return _named(options["agent"])


def _named(agent: str) -> str:
    if wrong := wrong_name(agent):
        refuse(f"an agent's name {wrong}")
    return agent


def _where(key: dict[str, Any]) -> str:
    if key["custody"] == key_events.WRITER:
        return "its writer's"
    return "here" if key["private_key_here"] else "not here"


def _text_of(argument: str) -> str:
    """The content of a file, or the argument itself."""
    try:
        return Path(argument).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return argument


def _as_dict(key: AgentKeyRecord) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "agent_id": key.agent_id,
        "public_key": key.public_key,
        "sig_alg_version": key.sig_alg_version,
        "custody": key.custody,
        "active_from": key.validity.active_from,
        "active_until": key.validity.active_until,
        "from_sequence": key.validity.from_sequence,
        "until_sequence": key.validity.until_sequence,
        "private_key_here": key_backend().holds(key.key_id),
    }
