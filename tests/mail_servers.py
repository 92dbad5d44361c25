"""What does a mail server that refuses on request do? A real one, on a port of this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller


@dataclass(slots=True)
class MailShop:
    """Takes mail; `answers`: what the next mails are told after their text, first one first."""

    port: int = 0
    answers: list[str] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        answer = self.answers.pop(0) if self.answers else "250 taken"
        if answer.startswith("250"):
            self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return answer


class _AnyPort(Controller):
    """On a port that the system chooses."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_shop(*answers: str) -> Iterator[MailShop]:
    """A mail server on a free port of the loopback interface."""
    shop = MailShop(answers=list(answers))
    controller = _AnyPort(shop, hostname="127.0.0.1", port=0)
    controller.start()
    try:
        shop.port = controller.port
        yield shop
    finally:
        controller.stop()
