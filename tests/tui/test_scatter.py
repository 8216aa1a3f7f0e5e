from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from runicorn_tui.charts.frame import Theme
from runicorn_tui.charts.palette import PALETTE
from runicorn_tui.terminal import safe
from runicorn_tui.widgets.scatter import Dot, Scattered, scatter

THEME = Theme(
    axis=(1, 1, 1), label=(2, 2, 2), grid=(3, 3, 3), cursor=(4, 4, 4), warning=(5, 5, 5), background=(0, 0, 0)
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0, 5e-324, 1e308, -1e308])
TEXTS = st.sampled_from(["adam", "sgd", "[/]", "esc\x1b[2J\n", "日本語" * 20, "x" * 200, ""])
NUMBERED = st.none() | st.integers(1, 20)


def dots_of(xs: st.SearchStrategy[float | str | None]) -> st.SearchStrategy[list[Dot]]:
    one = st.builds(Dot, x=xs, y=st.none() | FLOATS, number=NUMBERED, color=st.just(PALETTE[0]))
    return st.lists(one, max_size=12)


DOTS = dots_of(st.none() | FLOATS) | dots_of(st.none() | TEXTS) | dots_of(st.none() | FLOATS | TEXTS)


def drawn(dots: list[Dot], *, is_log: bool = False, size: tuple[int, int] = (60, 16)) -> Scattered:
    return scatter(dots, is_log=is_log, is_ascii=False, size=size, theme=THEME)


def text(drawing: Scattered) -> str:
    return "\n".join("".join(piece for piece, _ in row) for row in drawing.rows)


def sweep(*pairs: tuple[float | str | None, float | None]) -> list[Dot]:
    return [Dot(x=x, y=y, number=number, color=PALETTE[0]) for number, (x, y) in enumerate(pairs, 1)]


@given(DOTS, st.booleans(), st.booleans(), st.integers(0, 90), st.integers(0, 30))
def test_no_dot_and_no_size_makes_it_raise(
    dots: list[Dot], is_log: bool, is_ascii: bool, width: int, height: int
) -> None:
    drawing = scatter(dots, is_log=is_log, is_ascii=is_ascii, size=(width, height), theme=THEME)

    assert len(drawing.rows) == height
    for row in drawing.rows:
        line = "".join(piece for piece, _ in row)
        assert cell_len(line) == width
        assert line == safe(line)


@given(DOTS, st.booleans())
def test_every_dot_is_on_screen_or_counted(dots: list[Dot], is_log: bool) -> None:
    drawing = scatter(dots, is_log=is_log, is_ascii=False, size=(80, 30), theme=THEME)
    canvas = "".join(line.partition("│")[2] or line.partition("┤")[2] for line in text(drawing).splitlines()[:-2])

    assert canvas.count("●") + canvas.count("·") + drawing.placeless + drawing.behind == len(dots)


def test_more_is_further_up_and_to_the_right() -> None:
    lines = text(drawn(sweep((1.0, 10.0), (2.0, 30.0), (3.0, 20.0)))).splitlines()
    place = {
        number: (lines.index(line), line.index(f"●{number}"))
        for line in lines
        for number in "123"
        if f"●{number}" in line
    }

    assert place["2"][0] < place["3"][0] < place["1"][0]
    assert place["1"][1] < place["2"][1] < place["3"][1]


def test_an_axis_over_powers_of_ten_is_logarithmic() -> None:
    drawing = drawn(sweep((1e-4, 1.0), (1e-3, 1.0), (1e-2, 1.0)))
    line = next(line for line in text(drawing).splitlines() if "●1" in line)

    assert drawing.is_log_x
    assert abs((line.index("●2") - line.index("●1")) - (line.index("●3") - line.index("●2"))) <= 1
    assert not drawn(sweep((1.0, 1.0), (64.0, 1.0))).is_log_x


def test_texts_stand_side_by_side_under_their_names() -> None:
    said = text(drawn(sweep(("sgd", 1.0), ("adam", 2.0), ("日本語", 1.5)))).splitlines()

    assert said[-1].split() == ["adam", "sgd", "日本語"]


def test_what_has_no_place_is_counted() -> None:
    assert drawn(sweep((1.0, None), (None, 1.0), (1.0, 1.0))).placeless == 2
    assert drawn(sweep((1.0, -1.0), (2.0, 1.0)), is_log=True).placeless == 1
    assert drawn(sweep((1.0, 1.0), (1.0, 1.0))).behind == 1
    assert "no experiment has both" in text(drawn(sweep((None, 1.0), (1.0, None))))
