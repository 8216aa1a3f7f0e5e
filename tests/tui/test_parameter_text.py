from __future__ import annotations

from runicorn_tui.parameter_text import first_parameters, leaves, parameters

PARAMS = {
    "model": {"layers": [1, 2], "deep": {"b": None}},
    "lr": 3e-4,
    "Batch": 8,
    "layer10": 1,
    "layer2": 2,
    "empty": {},
}


def lines(sought: str = "", width: int = 60) -> list[str]:
    return [line().plain.rstrip() for line in parameters(leaves(PARAMS), width, sought)][1:]


def test_nested_parameters_have_dotted_names_in_natural_order():
    assert leaves(PARAMS) == [
        ("Batch", "8"),
        ("empty", "{}"),
        ("layer2", "2"),
        ("layer10", "1"),
        ("lr", "0.0003"),
        ("model.deep.b", "null"),
        ("model.layers", "[1, 2]"),
    ]


def test_a_search_narrows_by_name_or_value():
    assert lines("LAYER") == [" layer2        2", " layer10       1", " model.layers  [1, 2]"]
    assert lines("0.0003") == [" lr  0.0003"]
    assert lines("[/]") == [" No parameter has '[/]' in its name or value."]


def test_long_values_go_on_below_themselves():
    long = leaves({"note": "warm up " * 9})
    shown = [line().plain for line in parameters(long, 40)][1:]
    assert len(shown) > 2
    assert all(line.startswith(" " * 7) for line in shown[1:])


def test_the_first_parameters_take_two_lines_at_most():
    many = leaves({f"p{number}": "x\x1b" * 40 for number in range(50)})
    shown = [line.plain for line in first_parameters(many, 60)]
    assert len(shown) == 2
    assert shown[1].endswith(" …")
    assert all(len(line) <= 60 and line.isprintable() for line in shown)
    assert [line.plain for line in first_parameters([], 60)] == [" parameters   —"]


def test_the_first_parameters_are_whole_numbers_and_all():
    many = leaves({f"weight_{number:02}": 1.0017127e-06 / 3**number for number in range(9)})
    first, second = (line.plain for line in first_parameters(many, 60))
    words = f"{first[14:]} {second[14:]}".removesuffix(" …").split()
    assert list(zip(words[::2], words[1::2], strict=True)) == many[:2]
    assert second.endswith(" …")
