"""What is left of a box when other boxes are cut out of it? Exact, over intervals and sets.

A box is a tuple of sides, one per dimension: an interval of integers (lo, hi), both ends
included, or a finite set of names. Subtracting keeps the pieces disjoint, so nothing is
approximated and a piece that is left is a proof.
"""

from collections.abc import Iterable, Sequence

Span = tuple[int, int]
Side = Span | frozenset[str]
Box = tuple[Side, ...]

ENDLESS = 10**18
"""Stands for no upper end; larger than any amount or stretch of time that a table may hold."""

MAX_PIECES = 2_000
"""More pieces than this are not a table that a person can review."""


MAX_STEPS = 20_000
"""How many pieces `first_left` looks at before it gives up."""


class TooManyPieces(Exception):
    """The remainder fell into more pieces than `MAX_PIECES`; the caller must treat it as not
    proven."""


def shared(one: Box, other: Box) -> Box | None:
    """The common part of two boxes, or None."""
    sides: list[Side] = []
    for a, b in zip(one, other, strict=True):
        side = _shared_side(a, b)
        if side is None:
            return None
        sides.append(side)
    return tuple(sides)


def remainder(box: Box, cuts: Iterable[Box]) -> list[Box]:
    """Disjoint pieces that make up the box without the cuts, in a stated order."""
    pieces = [box]
    for cut in cuts:
        pieces = [rest for piece in pieces for rest in _without(piece, cut)]
        if len(pieces) > MAX_PIECES:
            raise TooManyPieces
    return pieces


def first_left(box: Box, cuts: Sequence[Box]) -> Box | None:
    """The first piece that `remainder` would leave, found without making the others; None if
    nothing is left."""
    stack = [(box, 0)]
    for _ in range(MAX_STEPS):
        if not stack:
            return None
        piece, at = stack.pop()
        while at < len(cuts) and shared(piece, cuts[at]) is None:
            at += 1
        if at == len(cuts):
            return piece
        stack += [(rest, at + 1) for rest in reversed(_without(piece, cuts[at]))]
    raise TooManyPieces


def merged(pieces: Sequence[Box]) -> list[Box]:
    """The same set of points in fewer boxes: pairs that differ in one side, and touch there,
    become one."""
    boxes = list(pieces)
    found = True
    while found:
        found = False
        for i in range(len(boxes)):
            for j in range(i + 1, len(boxes)):
                joined = _joined(boxes[i], boxes[j])
                if joined is not None:
                    boxes[i] = joined
                    del boxes[j]
                    found = True
                    break
            if found:
                break
    return boxes


def _shared_side(a: Side, b: Side) -> Side | None:
    if isinstance(a, frozenset) and isinstance(b, frozenset):
        return (a & b) or None
    assert isinstance(a, tuple), "sides of one dimension are of one kind"
    assert isinstance(b, tuple), "sides of one dimension are of one kind"
    lo, hi = max(a[0], b[0]), min(a[1], b[1])
    return (lo, hi) if lo <= hi else None


def _without(piece: Box, cut: Box) -> list[Box]:
    common = shared(piece, cut)
    if common is None:
        return [piece]
    rests = []
    for at, (whole, part) in enumerate(zip(piece, common, strict=True)):
        # Sides before this one are already narrowed to the common part, so the rests are disjoint.
        rests += [(*common[:at], side, *piece[at + 1 :]) for side in _side_rests(whole, part)]
    return rests


def _side_rests(whole: Side, part: Side) -> list[Side]:
    if isinstance(whole, frozenset) and isinstance(part, frozenset):
        return [whole - part] if whole != part else []
    assert isinstance(whole, tuple), "sides of one dimension are of one kind"
    assert isinstance(part, tuple), "sides of one dimension are of one kind"
    below: list[Side] = [(whole[0], part[0] - 1)] if whole[0] < part[0] else []
    above: list[Side] = [(part[1] + 1, whole[1])] if part[1] < whole[1] else []
    return below + above


def _joined(one: Box, other: Box) -> Box | None:
    differing = [at for at, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]
    if len(differing) != 1:
        return None
    at = differing[0]
    a, b = one[at], other[at]
    if isinstance(a, frozenset) and isinstance(b, frozenset):
        side: Side = a | b
    else:
        assert isinstance(a, tuple), "sides of one dimension are of one kind"
        assert isinstance(b, tuple), "sides of one dimension are of one kind"
        if max(a[0], b[0]) > min(a[1], b[1]) + 1:
            return None
        side = (min(a[0], b[0]), max(a[1], b[1]))
    return (*one[:at], side, *one[at + 1 :])
