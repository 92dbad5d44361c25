"""Is cutting boxes out of a box exact?"""

from itertools import product

import pytest

from replan import boxes
from replan.boxes import Box, TooManyPieces, first_left, merged, remainder, shared

SQUARE: Box = ((0, 9), (0, 9))


def test_boxes_that_touch_share_their_edge() -> None:
    assert shared(((0, 5), (0, 9)), ((5, 9), (0, 9))) == ((5, 5), (0, 9))


def test_boxes_of_other_names_share_nothing() -> None:
    assert shared((frozenset("a"),), (frozenset("b"),)) is None


def points(box: Box) -> set[tuple[int, ...]]:
    spans = [range(side[0], side[1] + 1) for side in box if isinstance(side, tuple)]
    return set(product(*spans))


def test_what_is_left_has_every_point_once() -> None:
    cuts: list[Box] = [((3, 5), (4, 12)), ((5, 7), (0, 4))]
    left = [points(piece) for piece in remainder(SQUARE, cuts)]
    assert set().union(*left) == points(SQUARE) - points(cuts[0]) - points(cuts[1])
    assert sum(map(len, left)) == len(set().union(*left))


def test_the_first_piece_left_is_the_one_that_the_whole_remainder_begins_with() -> None:
    cuts: list[Box] = [((0, 5), (0, 12)), ((5, 7), (0, 4))]
    assert first_left(SQUARE, cuts) == remainder(SQUARE, cuts)[0]


def test_no_piece_is_left_of_a_covered_box() -> None:
    assert first_left(SQUARE, [((0, 4), (0, 9)), ((5, 9), (0, 9))]) is None


def test_nothing_is_left_of_a_box_that_is_covered_in_parts() -> None:
    assert remainder(SQUARE, [((0, 4), (0, 9)), ((5, 9), (0, 9))]) == []


def test_neighbours_become_one_box() -> None:
    assert merged([((0, 4), (0, 9)), ((5, 9), (0, 9))]) == [SQUARE]


def test_names_become_one_box() -> None:
    assert merged([(frozenset("a"),), (frozenset("b"),)]) == [(frozenset("ab"),)]


def test_a_remainder_beyond_review_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boxes, "MAX_PIECES", 3)
    with pytest.raises(TooManyPieces):
        remainder(SQUARE, [((4, 4), (4, 4))])


def test_a_search_beyond_review_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boxes, "MAX_STEPS", 1)
    with pytest.raises(TooManyPieces):
        first_left(SQUARE, [((4, 4), (4, 4))])
