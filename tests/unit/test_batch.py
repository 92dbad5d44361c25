"""Does a reply put together by hand read like any other canonical line?"""

from hypothesis import given
from hypothesis import strategies as st

from replan.canonical import canonical_bytes
from replan.infra.engine.batch import reply_line
from replan.streams.messages import Place, Reply

TEXT = st.none() | st.text()


@given(event_id=TEXT, source=TEXT, kind=TEXT, pointer=TEXT)
def test_line_of_a_reply_is_its_canonical_json(
    event_id: str | None, source: str | None, kind: str | None, pointer: str | None
) -> None:
    reply = Reply(
        place=Place("pos.jsonl", 7),
        event_id=event_id,
        source=source,
        type=kind,
        status="REJECTED",
        code="charset",
        pointer=pointer,
        sha256="0f" * 32,
    )
    plain = {
        "id": event_id,
        "source": source,
        "type": kind,
        "status": "REJECTED",
        "code": "charset",
        "pointer": pointer,
        "sha256": "0f" * 32,
    }
    assert reply_line(reply) == canonical_bytes(plain).decode()
