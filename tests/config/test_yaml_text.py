"""YAML as people write it: each rule, whatever has no bounds, and plain data there and back."""

import resource
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ttt_rllib.config.yaml_text import MAX_CHARACTERS, dump_yaml, parse_yaml
from ttt_rllib.errors import InputError

MEMORY = 2**28
"""Bytes that a text may take; one that grows without bounds takes any number."""

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=20,
)
WRITTEN = st.from_regex(r"[-+.0-9a-zA-Z_:~=<>!&*%@#'\"\[\]{},?| ]{1,12}", fullmatch=True)
"""Strings of which many mean something else where they stand without quotes."""


def refusal(text):
    with pytest.raises(InputError) as error:
        parse_yaml(text, "file.yaml")
    message = str(error.value)
    assert message.startswith("file.yaml")
    assert "\n" not in message
    assert len(message) < 300
    return message


@pytest.fixture
def bounded_memory():
    """Let a text that grows without bounds end in a MemoryError."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("012", 12), ("-007", -7), ("+5", 5), ("1_000", 1000), ("0x1F", 31), ("-0x1f", -31),
        ("0o17", 15), ("0b101", 5), ("0", 0), ("00", 0), ("1e6", 1_000_000), ("1E+3", 1000),
        ("2.5e1", 25), ("1e-3", 0.001), ("-1.5", -1.5), (".5", 0.5), ("5.", 5.0),
        ("1_000.5", 1000.5), ("3.0", 3.0), (".inf", float("inf")), ("-.INF", float("-inf")),
        ("true", True), ("FALSE", False), ("~", None), ("null", None), ("", None),
    ],
)  # fmt: skip
def test_numbers_and_switches_are_what_they_look_like(text, value):
    read = parse_yaml(text, "x")
    assert (type(read), read) == (type(value), value)


@pytest.mark.parametrize(
    "text",
    [
        "on", "off", "yes", "No", "y", "n", "tRUE", "1:30", "190:20:30", "1,000", "0x", "0o8",
        "0b2", "1e", "e5", ".", "+", "1.2.3", "--1", "_1", "\u0661\u0662", "nan", "inf",
        "2026-01", "v1", "0x1G",
    ],
)  # fmt: skip
def test_what_is_no_number_in_yaml_1_2_stays_a_word(text):
    assert parse_yaml(text, "x") == text


def test_a_float_that_is_written_as_one_stays_one_and_an_exponent_makes_an_integer():
    read = parse_yaml("[3.0, 3e0, 1e22, 1e-1]", "x")
    assert [type(value) for value in read] == [float, int, int, float]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: 2026-13-01", "file.yaml:1:7: not YAML: 2026-13-01 is a date; put it in quotes"),
        ("a: 2026-01-01", "2026-01-01 is a date"),
        ("a: 2026-01-01 10:00:00", "2026-01-01 10:00:00 is a date"),
        ("seed: !!int abc", "file.yaml:1:7: not YAML: the tag tag:yaml.org,2002:int: leave it out"),
        ("!!python/object/apply:os.system [x]", "the tag tag:yaml.org,2002:python/object"),
        ("a: !x 1", "the tag !x: leave it out"),
        ("a: ! 1", "the tag !: leave it out"),
        ("a: 1\nb: 2\na: 3", "file.yaml:3:1: not YAML: key 'a' twice"),
        ("a: {b: 1, b: 1}", "key 'b' twice"),
        ("1: a\n'1': b", "key '1' twice"),
        ("a: &x [1, *x]", "file.yaml:1:11: not YAML: *x holds itself"),
        ("a: &x {b: {c: *x}}", "*x holds itself"),
        ("a: &x {<<: *x}", "*x holds itself"),
        ("a: *x", "found undefined alias 'x'"),
        ("<<: 1", "expected a mapping"),
        ("? [a]\n: b", "found unhashable key"),
        ("a: " + "1" * 5000, "a number of 5,000 digits"),
        ("a: 0x" + "f" * 5000, "a number of 5,002 digits"),
        ("a: 0." + "1" * 5000, "a number of 5,002 digits"),
        ("a: 1e400", "1e400 is too large for a number"),
        ("a: -1.5e-400", "-1.5e-400 is too small for a number"),
        ("a: 'x", "found unexpected end of stream"),
        ("a: b: c", "mapping values are not allowed here"),
        ("\ta: 1", "found character '\\t' that cannot start any token"),
        ("a: 1\n---\nb: 2", "but found another document"),
        ("%YAML 9.9\n---\na: 1", "found incompatible YAML document"),
        ("a: \x00", "special characters are not allowed"),
        ("a: \ud800", "special characters are not allowed"),
        ('a: "\\UFFFFFFFF"', "not YAML: "),  # an OverflowError, or a ValueError from 3.13 on
        ('a: "\\U00110000"', "ValueError"),
        ("[" * 2000 + "]" * 2000, "nested more than 40 deep"),
        ("- " * 2000, "nested more than 40 deep"),
        ("{a: " * 500_000, "longer than 1,000,000 characters"),
    ],
)  # fmt: skip
def test_anything_else_is_one_line_that_says_where_and_what(text, told):
    assert told in refusal(text)


def test_dates_in_quotes_zero_and_forty_levels_are_fine():
    assert parse_yaml("a: '2026-01-01'", "x") == {"a": "2026-01-01"}
    assert parse_yaml("[0e-999, -0.0]", "x") == [0, -0.0]
    assert repr(parse_yaml("[" * 40 + "]" * 40, "x")) == "[" * 40 + "]" * 40


def test_aliases_and_merge_keys_mean_what_they_say_while_they_stay_small():
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: [*a, *a]"
    both = {"x": 1, "y": 2}
    assert parse_yaml(text, "x") == {"a": both, "b": {"x": 1, "y": 3}, "c": [both, both]}


@pytest.mark.parametrize(
    ("first", "further"),
    [
        ("a0: &a0 [x, x]", "a{i}: &a{i} [*a{j}, *a{j}, *a{j}]"),
        ("a0: &a0 {x: 1}", "a{i}: &a{i} {{k: *a{j}, l: *a{j}, m: *a{j}}}"),
        ("a0: &a0 {x: 1}", "a{i}: &a{i} {{<<: [*a{j}, *a{j}, *a{j}], k{i}: 1}}"),
        ("- &a0 [x]", "- &a{i} [*a{j}, [*a{j}, *a{j}]]"),
    ],
)
def test_aliases_that_grow_exponentially_are_refused_with_bounded_memory(
    first, further, bounded_memory
):
    lines = [first, *(further.format(i=i, j=i - 1) for i in range(1, 60))]
    assert "more than 100,000 values, aliases written out" in refusal("\n".join(lines))


def test_a_long_word_with_many_aliases_is_refused_because_it_would_be_written_out(bounded_memory):
    text = f"a: &a {'x' * 400_000}\nb: [{'*a, ' * 90_000}]"
    assert "more than 1,000,000 characters, aliases written out" in refusal(text)


@pytest.mark.parametrize("filling", ["\n", "1", "a b ", "- ", "&a "])
def test_a_megabyte_of_anything_takes_bounded_memory(filling, bounded_memory):
    with suppress(InputError):
        parse_yaml((filling * MAX_CHARACTERS)[:MAX_CHARACTERS], "x")


@settings(max_examples=300, deadline=None)
@given(PLAIN)
def test_plain_data_is_read_back_as_it_was_written(data):
    assert parse_yaml(dump_yaml(data), "x") == data


@settings(max_examples=500, deadline=None)
@given(WRITTEN | st.text(max_size=20) | st.integers() | st.floats(allow_nan=False))
def test_strings_and_numbers_are_read_alike_by_plain_pyyaml(value):
    text = dump_yaml({"a": value, "b": [value]})
    ours, theirs = parse_yaml(text, "x"), yaml.safe_load(text)
    assert ours == theirs == {"a": value, "b": [value]}
    assert isinstance(ours["a"], str) == isinstance(theirs["a"], str) == isinstance(value, str)


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=40) | WRITTEN)
def test_any_text_is_plain_data_or_one_input_error(text):
    with suppress(InputError):
        data = parse_yaml(text, "file.yaml")
        assert isinstance(data, (type(None), bool, int, float, str, list, dict))
