"""What is noted of one tuple and the next finds what a look through each of them does."""

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.model.places import Places

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "drop", "swap", "back"]), st.integers(0, 9), st.sampled_from("abcd")
    ),
    max_size=20,
)


class Thing:
    """Something with a name."""

    def __init__(self, name: str) -> None:
        self.name = name


@given(STEPS)
@settings(derandomize=True, deadline=None, max_examples=300)
def test_things_are_found_in_whichever_state_is_asked(steps: list[tuple[str, int, str]]) -> None:
    places: Places[Thing] = Places(lambda thing: thing.name)
    states: list[tuple[Thing, ...]] = [()]
    for step, place, name in steps:
        items = states[-1]
        if step == "add":
            states.append((*items, Thing(name)))
        elif step == "drop":
            states.append(tuple(each for n, each in enumerate(items) if n != place))
        elif step == "swap" and place < len(items):
            new = Thing(items[place].name)
            states.append(tuple(new if n == place else each for n, each in enumerate(items)))
            places.move(items, states[-1])
        else:
            states.append(states[place % len(states)])
        for asked in (states[-1], states[place % len(states)]):
            for wanted in "abcd":
                found = places.find(asked, wanted)
                assert list(found) == [each for each in asked if each.name == wanted]
