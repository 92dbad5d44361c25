"""How does the reference order system speak? In CloudEvents whose ids count up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from replan.infra.erp.replies import Reply
from replan.infra.erp.shipments import Word, serial_code
from replan.infra.erp.world import Key, Move, OpenLine
from replan.infra.executors.execution import answer_event
from replan.network import SupplyContract
from replan.units import ActionId, Units, day_from_number, instant_text, quantity_json

REFERENCE_ERP = "/executor/reference-erp"


@dataclass(slots=True)
class Voice:
    """Makes events, numbered from `said` on; `spoken` holds what is to be told.

    `done` and `refused` count the actions answered for.
    """

    said: int = 0
    done: int = 0
    refused: int = 0
    spoken: list[dict[str, Any]] = field(default_factory=list)

    def line(self, kind: str, line: OpenLine, at: datetime) -> dict[str, Any]:
        """An order line as it stands now; `kind` is po.created.v1 or po.changed.v1."""
        data = {
            "po": line.po,
            "line": line.line,
            "item": line.item,
            "supplier": line.supplier,
            "ship_to": line.site,
            "qty": _units(line.qty),
            "price": line.price_minor,
            "need_by": day_from_number(line.need_by).isoformat(),
            "promised": day_from_number(line.promised).isoformat(),
            "status": "approved",
        }
        return self._event(kind, line.po_line, data, at)

    def commit(self, line: OpenLine, at: datetime) -> dict[str, Any]:
        """What its supplier undertakes to deliver of a line, and when."""
        day = day_from_number(line.promised).isoformat()
        data = {"commit_qty": _units(line.qty), "commit_date": day}
        return self._event("supply.commit.v1", line.po_line, data, at)

    def packed(self, line: OpenLine, common: Mapping[str, Any], at: datetime) -> dict[str, Any]:
        """A shipping notice: a line of an order is in a shipment; `common` holds for all of it."""
        part = {
            "sscc": [serial_code(f"{line.shipment} {line.po_line}")],
            "po_line": line.po_line,
            "qty": _units(line.qty),
        }
        return self._event("asn.v1", line.shipment, part | dict(common), at)

    def of_shipment(self, shipment: str, word: Word) -> dict[str, Any]:
        """What a carrier tells of a shipment on its way."""
        return self._event(word.type, shipment, dict(word.data), word.at)

    def lead_time(
        self, contract: SupplyContract, p50: int, p90: int, at: datetime
    ) -> dict[str, Any]:
        """From now on, how many days a supplier takes from an order to its receipt."""
        subject = f"{contract.supplier}@{contract.item}@{contract.site}"
        quantiles = {"p50": p50 * 86_400, "p90": p90 * 86_400}
        data = {
            "quantiles": quantiles,
            "valid_from": instant_text(at),
            "reason": "recent deliveries",
        }
        return self._event("leadtime.update.v1", subject, data, at)

    def receipt(self, line: OpenLine, at: datetime) -> dict[str, Any]:
        """An order line has come, whole and undamaged."""
        data = {"qty_received": _units(line.qty), "qty_damaged": 0, "at": instant_text(at)}
        return self._event("receipt.v1", line.po_line, data, at)

    def reply(self, reply: Reply, at: datetime) -> dict[str, Any]:
        """The answer to a question about a decision."""
        data = {"answer": "accepted" if reply.accepted else "declined", "note": reply.note}
        event = self._event("clarification.answered.v1", reply.decision, data, at)
        return event | {"correlationid": reply.decision}

    def thrown_away(self, key: Key, qty: int, at: datetime) -> dict[str, Any]:
        """Goods that can no longer be sold left a shelf."""
        data = {"delta": _units(-qty), "reason": "shrink"}
        return self._event("inv.adjust.v1", f"{key[0]}@{key[1]}", data, at)

    def count(self, key: Key, on_hand: int, as_of: datetime) -> dict[str, Any]:
        """A shelf as counted."""
        data = {"on_hand": _units(on_hand), "as_of": instant_text(as_of)}
        return self._event("inv.snapshot.v1", f"{key[0]}@{key[1]}", data, as_of)

    def move(self, move: Move, step: str, at: datetime) -> dict[str, Any]:
        """A transfer was requested, shipped or received."""
        data = {
            "status": step,
            "qty": _units(move.qty),
            "at": instant_text(at),
            "item": move.item,
            "from": move.origin,
            "to": move.destination,
        }
        return self._event("transfer.status.v1", move.action_id, data, at)

    def answer(
        self, action_id: str, idem: str, at: datetime, *, done: bool, reason: str | None = None
    ) -> dict[str, Any]:
        """An action is done, or refused and nothing was done."""
        self.done += done
        self.refused += not done
        return answer_event(
            event_id=self._next_id(),
            source=REFERENCE_ERP,
            action_id=ActionId(action_id),
            idem=idem,
            at=at,
            done=done,
            reason=reason if reason is None else reason[:256],
        ) | {"provenance": "SIM"}

    def _event(self, kind: str, subject: str, data: dict[str, Any], at: datetime) -> dict[str, Any]:
        return {
            "specversion": "1.0",
            "id": self._next_id(),
            "source": REFERENCE_ERP,
            "type": kind,
            "time": instant_text(at),
            "subject": subject,
            "provenance": "SIM",
            "data": data,
        }

    def _next_id(self) -> str:
        self.said += 1
        return f"erp-{self.said:010d}"


def _units(qty: int) -> int | float:
    return quantity_json(Units(qty))
