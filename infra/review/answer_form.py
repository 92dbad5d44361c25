"""What does a person fill in on a case page? The form as it comes, and the verdict it means."""

from pydantic import BaseModel, ConfigDict, Field

from replan.infra.review.reception import MOST_NAME, MOST_NOTE, VerdictBody, WhatIfBody

KEY = r"[A-Za-z0-9._:-]{1,128}"
"""What a key may look like that makes an answer count once."""

CHANGES = ("qty", "date", "source", "mode")

KNOWN = ("known_from", "known_until", "uplift")
"""What a person may say of an event that the model does not know."""


class AnswerForm(BaseModel):
    """The fields of the answer; a field left empty comes as an empty text."""

    model_config = ConfigDict(extra="ignore")

    csrf: str = ""
    key: str = Field(default="", max_length=128)
    version: int = Field(default=0, ge=0)
    verdict: str = Field(default="", max_length=128)
    chip: str = Field(default="", max_length=32)
    note: str = Field(default="", max_length=MOST_NOTE)
    confirm: str = Field(default="", max_length=8)
    base: str = Field(default="", max_length=MOST_NAME)
    qty: str = Field(default="", max_length=16)
    date: str = Field(default="", max_length=10)
    source: str = Field(default="", max_length=MOST_NAME)
    mode: str = Field(default="", max_length=MOST_NAME)
    to: str = Field(default="", max_length=MOST_NAME)
    known_from: str = Field(default="", max_length=10)
    known_until: str = Field(default="", max_length=10)
    uplift: str = Field(default="", max_length=16)

    @property
    def changed(self) -> dict[str, str]:
        """What a modification asks for."""
        return {name: getattr(self, name) for name in CHANGES}

    @property
    def typed(self) -> dict[str, str]:
        """What goes back into the fields, so that nothing has to be written twice."""
        kept = {name: getattr(self, name) for name in ("verdict", "chip", "note", "base", "to")}
        known = {name: getattr(self, name) for name in KNOWN}
        return kept | self.changed | known

    def meant(self) -> VerdictBody:
        """The verdict. Each plan has a button of its own, so that approving another one is as
        easy; its name follows the verdict.
        """
        verdict, _, plan = self.verdict.partition(" ")
        edits = verdict == "modify"
        option = plan or (self.base if edits else "")
        return VerdictBody(
            verdict=verdict,
            version=self.version,
            chip=self.chip,
            note=self.note,
            confirm=self.confirm == "yes",
            option=option or None,
            to=self.to if verdict == "ask" and self.to else None,
            known_from=self.known_from or None,
            known_until=self.known_until or None,
            uplift=self.uplift or None,
            qty=(self.qty or None) if edits else None,
            date=(self.date or None) if edits else None,
            source=(self.source or None) if edits else None,
            mode=(self.mode or None) if edits else None,
        )

    def asked(self) -> WhatIfBody:
        """The changed plan whose price is asked for."""
        return WhatIfBody(
            verdict="modify",
            version=self.version or None,
            option=self.base or None,
            qty=self.qty or None,
            date=self.date or None,
            source=self.source or None,
            mode=self.mode or None,
        )
