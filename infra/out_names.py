"""Which targets do lines go out to? Names of the out files; topics leave the `.jsonl` out."""

from typing import Final

ACCEPTED: Final = "accepted.jsonl"
"""Replies to producers, one for every event."""
COMMANDS: Final = "commands.jsonl"
"""What executors are asked to do, and what is asked of suppliers and sites."""
DECISIONS: Final = "decisions.jsonl"
ESCALATIONS: Final = "escalations.jsonl"
NOTIFICATIONS: Final = "notifications.jsonl"
DLQ: Final = "dlq.jsonl"
"""Dead letters."""

NAMES: Final = (ACCEPTED, COMMANDS, DECISIONS, ESCALATIONS, NOTIFICATIONS, DLQ)
