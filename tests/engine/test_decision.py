"""What a decision says, worded when somebody looks."""

from engine.domain.decision import Step, later

STEP = Step(number=1, name="Data", value="19 Nov")


def test_words_are_made_once_and_only_when_somebody_looks() -> None:
    asked: list[int] = []

    def make() -> tuple[Step, ...]:
        asked.append(1)
        return (STEP,)

    words = later(make)
    assert not asked
    assert words == (STEP,)
    plain: object = (STEP,)
    assert plain == words
    assert words == later(lambda: (STEP,))
    assert words != later(tuple)
    assert (words[0], len(words), [*words], repr(words)) == (STEP, 1, [STEP], repr((STEP,)))
    assert len(asked) == 1
