"""Are people told what waits for them: once, at least, by every way, and never decided by it?"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from replan.errors import NotSo
from replan.infra.boundary.quarterly import QUARTER, remind
from replan.infra.ledger.store import Ledger
from replan.infra.notify.messages import Message
from replan.infra.notify.telling import Telling
from replan.infra.notify.ways import Notifier, Said, notifiers
from replan.infra.planners.office import Office
from replan.infra.workspace.folder import open_workspace
from replan.infra.workspace.notify_settings import Notify
from replan.infra.workspace.settings import read_settings
from tests.databases import Place
from tests.desk_cases import NOW, case
from tests.mail_servers import mail_shop
from tests.unit.test_boundary import overridden, under
from tests.unit.test_office import source, tick
from tests.web_targets import web_shop
from tests.workspaces import write_workspace

ZONE = ZoneInfo("Europe/Berlin")
LINK = "https://grafana.shop.example/d/replan-escalations?var-escalation={id}"


class Clock:
    """The machine's clock of a test."""

    def __init__(self) -> None:
        self.at = datetime(2026, 5, 4, 6, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def pass_by(self, **time: int) -> None:
        self.at += timedelta(**time)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    """One case waits for role:planner, and was announced."""
    ledger = place.open()
    tick(ledger, source(), case())
    yield ledger
    ledger.close()


def by_mail(port: int, **more: Any) -> Notify:
    way = {
        "kind": "smtp",
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "replan@shop.example",
        "to": {"role:planner": ["east@shop.example"]},
    }
    return Notify.model_validate({"link": LINK, "ways": {"mail": way}, **more})


def by_hook(url: str, **more: Any) -> Notify:
    way = {"kind": "webhook", "url": url, "private": True, **more}
    return Notify.model_validate({"link": LINK, "ways": {"chat": way}})


def telling(ledger: Ledger, settings: Notify, clock: Clock) -> Telling:
    return Telling(ledger, notifiers(settings), settings, ZONE, now=clock)


def only(ledger: Ledger) -> str:
    [body] = ledger.decisions()
    return str(body["decision_id"])


def test_a_recipient_gets_one_mail_with_headline_deadline_and_a_link(
    ledger: Ledger, clock: Clock
) -> None:
    with mail_shop() as shop:
        done = telling(ledger, by_mail(shop.port), clock).round()
    [mail] = shop.mails
    text = mail.get_content()
    assert done == {"told": 1}
    assert (mail["To"], "units short" in mail["Subject"]) == ("east@shop.example", True)
    assert LINK.format(id=only(ledger)) in text
    last = datetime.fromisoformat(ledger.decisions()[0]["deadline"]).astimezone(ZONE)
    assert f"Answer by: {last:%a %d %b %H:%M} CEST" in text


def test_nothing_in_a_message_decides_anything(ledger: Ledger, clock: Clock) -> None:
    """The only address in it is the one to look at, without a verdict in it."""
    with mail_shop() as shop:
        telling(ledger, by_mail(shop.port), clock).round()
    text = shop.mails[0].get_content()
    assert text.count("http") == 1
    assert not any(word in text.lower() for word in ("approve", "reject", "token"))


def test_a_message_is_told_once_however_often_is_looked(ledger: Ledger, clock: Clock) -> None:
    with mail_shop() as shop:
        for _ in range(3):
            telling(ledger, by_mail(shop.port), clock).round()
            clock.pass_by(hours=2)
    assert len(shop.mails) == 1


def test_every_way_tells_it(ledger: Ledger, clock: Clock) -> None:
    with mail_shop() as shop, web_shop() as chat:
        both = Notify(ways={**by_mail(shop.port).ways, **by_hook(chat.url).ways})
        telling(ledger, both, clock).round()
        assert (len(shop.mails), len(chat.asked)) == (1, 1)


def test_a_web_hook_gets_a_cloudevent_under_a_key(ledger: Ledger, clock: Clock) -> None:
    with web_shop() as chat:
        telling(ledger, by_hook(chat.url), clock).round()
    [asked] = chat.asked
    assert asked["body"]["type"] == "notification.v1"
    assert asked["body"]["subject"] == only(ledger)
    assert asked["headers"]["Idempotency-Key"] == asked["body"]["id"]
    assert asked["body"]["data"]["data"]["recipient"] == "role:planner"


@pytest.mark.parametrize("answer", ["451 come again", "421 closing"])
def test_a_mail_server_that_is_busy_is_asked_again(
    ledger: Ledger, clock: Clock, answer: str
) -> None:
    with mail_shop(answer) as shop:
        mine = telling(ledger, by_mail(shop.port), clock)
        assert mine.round() == {"later": 1}
        assert mine.round() == {}
        clock.pass_by(minutes=2)
        assert mine.round() == {"told": 1}


def test_a_mail_server_that_is_down_is_asked_again(ledger: Ledger, clock: Clock) -> None:
    with mail_shop() as shop:
        port = shop.port
    assert telling(ledger, by_mail(port), clock).round() == {"later": 1}


def test_what_is_refused_for_good_is_kept_with_the_reason(
    ledger: Ledger, clock: Clock, place: Place
) -> None:
    with mail_shop("554 no") as shop:
        mine = telling(ledger, by_mail(shop.port), clock)
        mine.round()
        clock.pass_by(days=1)
        mine.round()
    [row] = place.rows("SELECT * FROM v_notices")
    assert (row["state"], row["way"], row["attempts"]) == ("refused", "mail", 1)
    assert "554" in row["note"]


def test_what_a_killed_process_was_telling_is_told_by_another(ledger: Ledger, clock: Clock) -> None:
    with mail_shop() as shop:
        settings = by_mail(shop.port)
        with ledger.transaction() as write:
            write.spread_notices({"mail": settings.ways["mail"].serves})
            [_] = write.claim_notices(
                ["mail"], "gone", clock.at, clock.at + timedelta(minutes=5), 10
            )
        mine = telling(ledger, settings, clock)
        assert mine.round() == {}
        clock.pass_by(minutes=6)
        assert mine.round() == {"told": 1}


def test_what_was_decided_meanwhile_is_not_told(ledger: Ledger, clock: Clock) -> None:
    Office(ledger, source()).verdict(only(ledger), "reject", login="ann", chip="policy")
    with mail_shop() as shop:
        assert telling(ledger, by_mail(shop.port), clock).round() == {"over": 1}
    assert shop.mails == []


def test_a_recipient_whom_no_way_serves_is_not_written_to(ledger: Ledger, clock: Clock) -> None:
    with web_shop() as chat:
        done = telling(ledger, by_hook(chat.url, recipients=["role:lead"]), clock).round()
    assert (done, chat.asked) == ({}, [])


def test_in_shadow_nobody_is_told(place: Place, clock: Clock) -> None:
    ledger = place.open()
    tick(ledger, source(mode="shadow"), case())
    with mail_shop() as shop:
        assert telling(ledger, by_mail(shop.port), clock).round() == {}
    ledger.close()


def test_the_digest_names_what_waits_once_a_day(ledger: Ledger, clock: Clock) -> None:
    with mail_shop() as shop:
        settings = by_mail(shop.port, digest_at="07:00")
        for _ in range(2):
            telling(ledger, settings, clock).round()
    digests = [m for m in shop.mails if m["Subject"].startswith("1 case waits")]
    assert len(digests) == 1
    assert LINK.format(id=only(ledger)) in digests[0].get_content()


def test_a_way_without_digest_gets_announcements_alone(ledger: Ledger, clock: Clock) -> None:
    with web_shop() as chat:
        settings = by_hook(chat.url, digest=False).model_copy(update={"digest_at": NOW.time()})
        assert telling(ledger, settings, clock).round() == {"told": 1}


def test_before_its_hour_the_digest_of_the_day_is_not_made(ledger: Ledger, clock: Clock) -> None:
    """It is 08:00 in Berlin."""
    with mail_shop() as shop:
        settings = by_mail(shop.port, digest_at="09:00")
        telling(ledger, settings, clock).round()
        with ledger.transaction() as write:
            write.set_clock(NOW + timedelta(hours=1))
        telling(ledger, settings, clock).round()
    subjects = [m["Subject"] for m in shop.mails]
    assert [s[-10:] for s in subjects if "waits for" in s] == ["2026-05-03", "2026-05-04"]


def test_what_a_plug_in_raises_is_kept_and_tried_again(
    ledger: Ledger, clock: Clock, place: Place
) -> None:
    class Broken:
        def tell(self, message: Message) -> Said:
            raise RuntimeError("no paper")

    settings = by_hook("http://127.0.0.1:1")
    ways: dict[str, Notifier] = {"chat": Broken()}
    assert Telling(ledger, ways, settings, ZONE, now=clock).round() == {"later": 1}
    [row] = place.rows("SELECT * FROM v_notices")
    assert row["note"] == "RuntimeError: no paper"


# Settings


def mail(rest: str) -> str:
    head = "[notify.ways.mail]\nkind = 'smtp'\nhost = 'mail.example'\nsender = 'a@b'\n"
    return head + rest


def test_a_process_owner_is_mailed_what_moved_the_boundary_and_what_went_wrong(
    place: Place, clock: Clock
) -> None:
    """R57: the owner is told of an incident, of a stage that fell, and of a review that is due."""
    ledger = place.open()
    policies = under(demote={"override_rate": ">0.20 over 5"})
    for n in range(2):
        overridden(ledger, policies, n)
    with ledger.transaction() as write:
        remind(write, NOW)
        remind(write, NOW + 2 * QUARTER)
    to = {"role:process-owner": ["owner@shop.example"]}
    with mail_shop() as shop:
        way = by_mail(shop.port).ways["mail"].model_copy(update={"to": to, "digest": False})
        telling(ledger, Notify(ways={"mail": way}), clock).round()
    ledger.close()
    assert sorted(mail["Subject"] for mail in shop.mails) == [
        "Incident systematic_error: category=demand_surge",
        "The quarterly review of the boundary is due",
        "category=demand_surge was demoted to recommend",
    ]
    assert {mail["To"] for mail in shop.mails} == {"owner@shop.example"}


@pytest.mark.parametrize(
    ("toml", "rule"),
    [
        ("[notify.ways.mail]\nkind = 'fax'", "unknown_name"),
        ("[notify.ways.mail]\nkind = 'smtp'\nhost = 'mail.example'", "missing"),
        (
            mail("security = 'none'\nto = {'*' = ['c@d']}"),
            "not_allowed",
        ),
        ("[notify.ways.chat]\nkind = 'webhook'\nurl = 'http://chat.example'", "not_allowed"),
        ("[notify.ways.chat]\nkind = 'webhook'", "missing"),
        ("[notify.ways.Chat]\nkind = 'webhook'\nurl = 'https://chat.example'", "charset"),
        (
            mail("to = {planner = []}"),
            "unknown_name",
        ),
        (
            mail("to = {'*' = ['nobody']}"),
            "address",
        ),
        ("[notify]\nlink = 'https://shop.example/review'", "link"),
        ("[notify]\ndigest_at = '7'", "time"),
    ],
)
def test_a_way_that_cannot_work_is_refused_by_rule(toml: str, rule: str) -> None:
    assert [f.rule for f in read_settings(toml.encode())[1]] == [rule]


def test_a_way_for_a_role_that_nobody_has_is_an_error_of_the_workspace(tmp_path: Path) -> None:
    toml = "[notify.ways.chat]\nkind = 'webhook'\nurl = 'https://c.example'\n"
    root = write_workspace(tmp_path, replan_toml=toml + "recipients = ['role:planner-north']\n")
    [found] = [f for f in open_workspace(root).findings if f.severity == "error"]
    assert (found.rule, found.value) == ("unknown_name", "role:planner-north")


def test_a_placeholder_is_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLAN_NOTIFY_MAIL_PASSWORD", "changeme")
    with pytest.raises(NotSo, match="REPLAN_NOTIFY_MAIL_PASSWORD"):
        notifiers(by_mail(25))
