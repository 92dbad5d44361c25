"""How does sense take an answer from outside, and a person's hand on a case? By the waiting
decision that it names.
"""

from replan.events import QuestionAnswered
from replan.replies import terms_of
from replan.state import CaseFile, SenseState
from replan.units import ItemId

REPLY = "reply"
"""The kind of sighting that an answer from outside is."""


def hear_reply(state: SenseState, fact: QuestionAnswered) -> list[int]:
    """Note the terms answered with the item whose decision was asked about, and look at it again;
    the rows of the sites that the plan supplies. None where no such decision waits any more.
    """
    for item, file in sorted(state.cases.items()):
        word = file.feedback
        if word is None or word.decision_id != fact.decision_id or word.watch is None:
            continue
        file.terms = (*file.terms, *terms_of(fact, word))
        file.stirred = file.replied = True
        sites = sorted({action.destination for action in word.watch.actions})
        rows = (state.panel.row_of.get((item, site)) for site in sites)
        return [row for row in rows if row is not None]
    return []


def close_episode(state: SenseState, item: ItemId) -> None:
    """The trouble of an item is over: what was answered about it no longer holds."""
    file = state.cases[item]
    file.episode, file.terms, file.replied = None, (), False
    for row in (row for (of, _), row in state.panel.row_of.items() if of == item):
        state.sightings.pop((row, REPLY), None)


def is_locked(file: CaseFile) -> bool:
    """Whether a person acts on the item outside, so that nothing is proposed for it."""
    return file.feedback is not None and file.feedback.locked
