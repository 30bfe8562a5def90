"""All users of the portal during a soak, each in a thread.

Ends only when no thread has a request to retry.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.soak.client import Client
from bench.soak.portal import Portal
from bench.soak.readers import Auditor, Exporter, Walker
from bench.soak.tally import Tally
from bench.soak.writers import AGENTS, Happening, writers

JOIN_SECONDS = 240.0


@dataclass
class Load:
    """The load, with its own tokens and account."""

    portal: Portal
    tally: Tally
    told: list[Happening]
    pace: float
    minute: float
    walkers: list[Walker] = field(default_factory=list)
    auditor: Auditor | None = None
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        manage, port, tally = self.portal.told, self.portal.port, self.tally
        tokens = {agent: manage("issue_token", "--agent", agent) for agent in AGENTS}
        reading = {"Authorization": f"Bearer {manage('issue_token', '--observer')}"}
        password = manage("account", "add", "soak-auditor", "--group", "auditor", "--generate")
        self.walkers = [
            Walker(Client(port, "reader, polling", tally, dict(reading)), 0.5 * self.pace),
            Walker(Client(port, "reader, anew", tally, dict(reading)), 1.0 * self.pace, again=True),
        ]
        self.auditor = Auditor(Client(port, "auditor, pages", tally, {}), password, 50)
        exporter = Exporter(Client(port, "export", tally, dict(reading)))
        agents = writers(port, tokens, tally, self.told, self.pace)
        works = [agent.run for agent in agents] + [walker.run for walker in self.walkers]
        for work in (*works, self.auditor.run, exporter.run):
            self._run(work)
        self._run(self._check_continuity)

    def stop(self) -> None:
        """Stop all threads, and wait until every request is answered."""
        self.tally.stopping.set()
        deadline = time.monotonic() + JOIN_SECONDS
        for thread in self._threads:
            thread.join(max(0.1, deadline - time.monotonic()))
            if thread.is_alive():
                self.tally.fault(f"{thread.name} does not come to its end")

    def _run(self, work: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                work()
            except Exception as error:
                self.tally.fault(f"{thread.name} broke: {type(error).__name__}: {error}")

        thread = threading.Thread(target=guarded, name=work.__qualname__, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _check_continuity(self) -> None:
        """On the command line now and then; 2 while the database is away."""
        while not self.tally.stopping.wait(self.minute * 0.7):
            done = self.portal.manage("check_continuity")
            self.tally.answered("check_continuity", f"exit code {done.returncode}")
            if done.returncode not in (0, 2):
                self.tally.fault(f"check_continuity: {(done.stdout + done.stderr)[-500:]}")
