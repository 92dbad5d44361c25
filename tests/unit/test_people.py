"""Who may answer what?"""

import pytest

from replan.people import Login, People, Planner, may_answer


def planner(login: str, *roles: str, **changes: object) -> Planner:
    values: dict[str, object] = {
        "login": Login(login),
        "roles": roles,
        "regions": ("EAST",),
        "limit_minor": 100_000,
        "delegate_to": None,
        "active": True,
    }
    return Planner(**(values | changes))  # type: ignore[arg-type]  # values by name


PEOPLE = People(
    planners=(
        planner("ada", "planner-east", delegate_to=Login("dan")),
        planner("dan", "viewer", limit_minor=50_000),
        planner("gone", "planner-east", active=False, delegate_to=Login("eve")),
        planner("eve", "viewer"),
        planner("max", "planner-east", regions=("*",), limit_minor=None),
    )
)


@pytest.mark.parametrize(
    ("login", "region", "value_minor", "code"),
    [
        ("ada", "EAST", 100_000, None),
        ("ada", "EAST", 100_001, "over_limit"),
        ("ada", "WEST", 1, "not_allowed"),
        ("ada", None, 1, "not_allowed"),
        ("max", None, 10**12, None),
        ("dan", "EAST", 50_000, None),
        ("dan", "EAST", 50_001, "over_limit"),
        ("gone", "EAST", 1, "not_allowed"),
        ("eve", "EAST", 1, "not_allowed"),
        ("nobody", "EAST", 1, "not_allowed"),
    ],
)
def test_role_region_and_own_limit_decide(
    login: str, region: str | None, value_minor: int, code: str | None
) -> None:
    assert may_answer(PEOPLE, login, "role:planner-east", region, value_minor) == code


def test_powers_are_not_delegated() -> None:
    stand_in = People(
        planners=(planner("a", "operator", delegate_to=Login("b")), planner("b", "viewer"))
    )
    assert not stand_in.has_role("b", "operator")


def test_only_active_logins_give_a_role_somebody() -> None:
    assert PEOPLE.active_roles == ("planner-east", "viewer")
