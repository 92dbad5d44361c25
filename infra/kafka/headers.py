"""How is a record read whose header has a name that is no text? Like any other: nobody asks for it.

kafka-python and aiokafka refuse the whole batch in which such a record stands, and with it
everything that comes after it in the partition, for ever. Any producer could stop a partition with
one record. kafka-python can be taught to bear it; aiokafka too, but only where it reads records in
Python and not in compiled code, which costs several times as much: so an ingest worker does it
once a record has ended one.
"""

import os
from typing import Any

from kafka.record.default_records import DefaultRecordBatch


class _Names(bytearray):
    """Bytes of a record; a name cut out of them is read whatever it holds."""

    def __getitem__(self, at: Any) -> Any:
        part = super().__getitem__(at)
        return _Names(part) if isinstance(at, slice) else part

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, errors)


def read_any_header_name() -> None:
    """From now on kafka-python reads such a name with replacement characters. Calling it again
    changes nothing.
    """
    _teach(DefaultRecordBatch)


def aiokafka_reads_any_header_name() -> None:
    """The same for aiokafka, in this process and before anything of it is imported."""
    os.environ["AIOKAFKA_NO_EXTENSIONS"] = "1"
    from aiokafka.record import default_records

    _teach(default_records._DefaultRecordBatchPy)


def _teach(batch: Any) -> None:
    strict = batch._read_msg
    if getattr(strict, "reads_any_name", False):
        return

    def tolerant(self: Any) -> Any:
        try:
            return strict(self)
        except UnicodeDecodeError:
            # Where it stands is only moved on at the end of a record, so it is read again; once for
            # all that follow in the batch.
            self._buffer = _Names(self._buffer)
            return strict(self)

    tolerant.reads_any_name = True  # type: ignore[attr-defined]
    batch._read_msg = tolerant
