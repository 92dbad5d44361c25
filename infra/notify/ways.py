"""How does a message leave? By mail or to a web address; once more under the same id where nobody
can tell whether it arrived.
"""

import json
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from importlib.metadata import entry_points
from typing import Final, Literal, Protocol
from urllib.parse import urlsplit

from replan.errors import ReplanError, UsageError
from replan.infra.ledger.desk import ENGINE_SOURCE
from replan.infra.notify.messages import Message
from replan.infra.web_call import NoAnswer, NotConnected, call, checked_addresses
from replan.infra.workspace.notify_settings import GROUP, SECRET, Notify, Way
from replan.infra.workspace.secret_values import secret

Fate = Literal["told", "later", "refused"]
TAKEN: Final = range(200, 300)
COME_AGAIN: Final = frozenset({401, 403, 404, 405, 407, 408, 409, 425, 429})
"""Answers that are not about the message: what is wrong may be set right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What became of a message: it arrived, may be tried again, or is refused for good; `note` says
    why it did not arrive.
    """

    fate: Fate
    note: str = ""


class Notifier(Protocol):
    """A way to tell people. The same message may come more than once, under one `notice_id`.

    Whatever it raises counts as `later`.
    """

    def tell(self, message: Message) -> Said:
        """Tell its recipient; returns when that is certain, or is known not to be."""
        ...


MakesNotifier = Callable[[Way, str | None, float], Notifier]
"""What an entry point of a plug-in names: way as set, its secret, seconds for one message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """Through a mail server of the team."""

    way: Way
    password: str | None = field(repr=False)
    seconds: float

    def tell(self, message: Message) -> Said:
        """One mail to all addresses of the recipient."""
        way, addresses = self.way, self.way.addresses(message.recipient)
        if not addresses:
            return Said(fate="refused", note=f"{message.recipient} has no address")
        mail = EmailMessage()
        mail["Subject"] = message.subject
        mail["From"] = way.sender
        mail["To"] = ", ".join(addresses)
        mail["Message-ID"] = f"<{message.notice_id}@replan>".replace(":", ".")
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        try:
            with self._connected() as server:
                if way.security == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if self.password is not None:
                    server.login(way.account or way.sender, self.password)
                refused = server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as wrong:
            codes = [code for code, _ in wrong.recipients.values()]
            return Said(fate=_fate(max(codes)), note=f"{way.host}: no address was taken: {codes}")
        except smtplib.SMTPAuthenticationError as wrong:
            return Said(fate="later", note=f"{way.host}: the login was refused: {wrong.smtp_code}")
        except smtplib.SMTPResponseException as wrong:
            return Said(fate=_fate(wrong.smtp_code), note=f"{way.host}: {wrong.smtp_code}")
        except (OSError, smtplib.SMTPException) as wrong:
            return Said(fate="later", note=f"{way.host}: {type(wrong).__name__}: {wrong}")
        except NotConnected as wrong:
            return Said(fate="later", note=str(wrong))
        return Said(fate="told", note=f"not to {', '.join(sorted(refused))}" if refused else "")

    def _connected(self) -> smtplib.SMTP:
        way = self.way
        checked_addresses(way.host, way.port, private=True)
        if way.security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(way.host, way.port, timeout=self.seconds, context=context)
        return smtplib.SMTP(way.host, way.port, timeout=self.seconds)


def _fate(code: int) -> Fate:
    """By RFC 5321: 5yz is for good, 4yz may be tried again."""
    return "refused" if code >= 500 else "later"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A POST to a web address."""

    way: Way
    token: str | None = field(repr=False)
    seconds: float

    def tell(self, message: Message) -> Said:
        """One call, as a CloudEvent or as the bare text."""
        way, plain = self.way, message.json()
        headers = {"Idempotency-Key": message.notice_id, "Content-Type": "application/json"}
        body: dict[str, object] = {"text": message.text}
        if way.format == "cloudevent":
            headers["Content-Type"] = "application/cloudevents+json; charset=UTF-8"
            body = {
                "specversion": "1.0",
                "id": message.notice_id,
                "source": ENGINE_SOURCE,
                "type": "notification.v1",
                "subject": message.decision_id or message.notice_id,
                "data": {k: plain[k] for k in ("recipient", "subject", "text", "link", "data")},
            }
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        host = urlsplit(way.url).hostname
        try:
            answer = call(
                "POST",
                way.url,
                headers,
                json.dumps(body).encode(),
                seconds=self.seconds,
                private=way.private,
            )
        except (NotConnected, NoAnswer) as wrong:
            return Said(fate="later", note=str(wrong))
        if answer.status in TAKEN:
            return Said(fate="told")
        note = f"{host}: answered {answer.status}"
        final = 300 <= answer.status < 500 and answer.status not in COME_AGAIN
        return Said(fate="refused" if final else "later", note=note)


def notifiers(settings: Notify) -> dict[str, Notifier]:
    """The ways of a team by name. NotSo for a secret that is none, UsageError for a plug-in that
    cannot be loaded.
    """
    found: dict[str, Notifier] = {}
    for name, way in sorted(settings.ways.items()):
        password = secret(SECRET.format(name.upper()))
        seconds = float(settings.timeout_seconds)
        match way.kind:
            case "smtp":
                found[name] = Mail(way=way, password=password, seconds=seconds)
            case "webhook":
                found[name] = Hook(way=way, token=password, seconds=seconds)
            case _:
                found[name] = _plug_in(way.kind)(way, password, seconds)
    return found


def _plug_in(kind: str) -> MakesNotifier:
    for entry in sorted(entry_points(group=GROUP), key=lambda e: (e.name, e.value)):
        if entry.name == kind:
            try:
                made: MakesNotifier = entry.load()
            except (ImportError, AttributeError, ReplanError) as wrong:
                raise UsageError(f"notifier {kind}: {entry.value} cannot be loaded: {wrong}") from (
                    wrong
                )
            return made
    raise UsageError(f"notifier {kind} is not installed")
