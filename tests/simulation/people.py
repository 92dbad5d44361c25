"""What do people do beside the engine? They answer, stop, let go on and lower limits at once."""

from collections.abc import Callable
from datetime import datetime

from replan.errors import LedgerBusy
from replan.infra.planners.office import Office
from replan.infra.rules import policy_source
from tests.simulation.story import Story
from tests.simulation.tiny_world import authority

MOST_MOVES = 8
"""So often somebody stops something or lets it go on, in one story."""

WORDS = ("approve", "approve", "approve", "reject", "ask", "defer", "takeover")
SCOPES = (None, None, "item=OATS", "site=S1", "action=reallocate")


class People:
    """Those who work beside one story; each does so many things, at times that chance gives."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._rng = story.baton.rng
        story.with_people = True
        story.baton.rates |= {"line refused for now": 0.05, "line refused for good": 0.03}
        for login in ("planner-1", "owner-1", "planner-1"):
            self._comes(login, self._answers)
        # Some stop a site or an item, others everything, again and again.
        self._scopes = self._rng.choice((SCOPES, SCOPES, (None,)))
        for login in ("owner-1", "ops-1"):
            if self._rng.random() < 0.8:
                self._comes(login, self._switches, most=MOST_MOVES)
        if self._rng.random() < 0.3:
            self._comes("author-1", self._lowers)

    def _comes(
        self, login: str, does: Callable[[str, Office], bool], most: int | None = None
    ) -> None:
        """Somebody who does something now and then, `most` times; seldom where there was nothing
        to do.
        """
        policies = policy_source(self._story.workspace, self._story.mode)
        policies.chooser = self._story.world.by_heart
        office = Office(self._story.ledger, policies)

        def works() -> None:
            done, pause = 0, 6.0
            while not self._story.stopping and done != most:
                self._story.baton.sleep(self._rng.uniform(0.0, pause))
                try:
                    acted = does(login, office)
                except LedgerBusy:
                    # They try again, or not.
                    continue
                done, pause = done + acted, 6.0 if acted else 15.0

        self._story.baton.add(f"person-{login}", works)

    def _answers(self, login: str, office: Office) -> bool:
        queue = office.queue()
        if not queue:
            return False
        body = self._rng.choice(queue)
        word = self._rng.choice(WORDS)
        told = office.verdict(
            body["decision_id"],
            word,
            login=login,
            chip="policy",
            version=self._rng.choice((None, body["version"])),
            confirm=self._rng.random() < 0.7,
        )
        if told.result == "accepted":
            self._story.promised.append((body["decision_id"], word, login))
        return True

    def _switches(self, login: str, office: Office) -> bool:
        scope = self._rng.choice(self._scopes)
        stops = self._rng.random() < 0.5
        if stops:
            moved = office.switch.stop(scope, login=login, reason="something is odd")
        else:
            moved = office.switch.resume(scope, login=login, reason="all is well")
        if moved.code is not None:
            return False
        self._story.promised.append((str(scope), "stop" if stops else "resume", login))
        self._story.stopped_at = self._everything_since(self._story.baton.now)
        return True

    def _everything_since(self, now: datetime) -> datetime | None:
        return (self._story.stopped_at or now) if self._story.everything_stopped() else None

    def _lowers(self, login: str, office: Office) -> bool:
        lowered = authority(auto=20, ask=60, count=1).replace("version: 1", "version: 2")
        if (self._story.root / "authority.yaml").read_text() != lowered:
            (self._story.root / "authority.yaml").write_text(lowered)
        return False
