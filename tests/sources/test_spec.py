import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resprobe.errors import UsageError
from resprobe.sources import ModelSpec, Source


@pytest.mark.parametrize(
    ("text", "source", "name", "options"),
    [
        ("torchvision:resnet50", "torchvision", "resnet50", {}),
        (" timm:resnet50.a1_in1k ", "timm", "resnet50.a1_in1k", {}),
        ("timm:vit:img_size=32:num_classes=10", "timm", "vit", {"img_size": 32, "num_classes": 10}),
        ("torchvision:a:weights=IMAGENET1K_V1", "torchvision", "a", {"weights": "IMAGENET1K_V1"}),
    ],
)
def test_a_librarys_model_is_named_by_the_library_and_its_name(text, source, name, options):
    spec = ModelSpec.parse(text)
    assert spec == ModelSpec(Source(source), name, options)
    assert spec.label == f"{source}:{name}"
    assert ModelSpec.parse(str(spec)) == spec


@pytest.mark.parametrize(
    ("text", "path", "function", "options"),
    [
        ("net.py:make", "net.py", "make", {}),
        ("a/b c/net.v2.py:make:depth=20", "a/b c/net.v2.py", "make", {"depth": 20}),
        (r"C:\nets\net.py:make", r"C:\nets\net.py", "make", {}),
        (r"C:/nets/net.py:make:root=D:\x:n=1", "C:/nets/net.py", "make",
         {"root": r"D:\x", "n": 1}),
        ("runs:lr=0.1/net.py:make:of=a.py", "runs:lr=0.1/net.py", "make", {"of": "a.py"}),
        ("net.py:make:at=12:30:url=http://a/b?c=d", "net.py", "make",
         {"at": "12:30", "url": "http://a/b?c=d"}),
    ],
)  # fmt: skip
def test_a_file_is_named_by_its_path_and_a_function_whatever_colons_they_hold(
    text, path, function, options
):
    spec = ModelSpec.parse(text)
    assert spec == ModelSpec(Source.FILE, function, options, Path(path))
    assert spec.label == f"{Path(path).stem}:{function}"
    assert spec.label_with_options.startswith(spec.label)
    assert text.endswith(spec.label_with_options.removeprefix(Path(path).stem))
    assert str(spec) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3), ("-1", -1), ("0.5", 0.5), ("1e-3", 1e-3), ("true", True), ("False", False),
        ("None", None), ("(3, 4)", (3, 4)), ("[1,2]", [1, 2]), ("'3'", "3"), ("gelu", "gelu"),
        ("", ""), ("1.2.3", "1.2.3"), ("__import__('os')", "__import__('os')"),
        (r"'a\d'", r"a\d"), ("{[]}", "{[]}"), ("(" * 500, "(" * 500),
    ],
)  # fmt: skip
def test_values_are_literals_where_they_read_as_such_and_else_text(text, value):
    found = ModelSpec.parse(f"net.py:make:a={text}").options["a"]
    assert found == value
    assert type(found) is type(value)


@given(st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_back_as_they_were_written(value):
    assert ModelSpec.parse(f"timm:a:x={value}").options == {"x": value}


@given(st.text(st.characters(codec="utf-8", exclude_characters=":"), max_size=30))
def test_any_text_is_read_or_refused_in_a_sentence(text):
    for start in ("", "timm:", "net.py:", "net.py:make:a="):
        with contextlib.suppress(UsageError):
            spec = ModelSpec.parse(start + text)
            assert spec.name == spec.name.strip() != ""


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("trochvision:resnet18", "unknown model source 'trochvision': did you mean 'torchvision'"),
        ("resnet18", "unknown model source 'resnet18': wanted torchvision:NAME, timm:NAME or FILE"),
        ("", "unknown model source"),
        ("torchvision:", "torchvision:: names no model; .*such as torchvision:resnet18"),
        ("timm:resnet18:32", "'32' is no option; an option is written NAME=VALUE"),
        ("net.py", r"net\.py: names no function in the file; wanted FILE\.py:FUNCTION"),
        ("net.py:", "names no function"),
        ("net.py:depth=3", "'depth=3' is no function's name"),
        ("net.py:make:3", "'make:3' is no function's name; .* options as NAME=VALUE"),
        ("timm:a:b=1:b=2", "the option b is given twice"),
    ],
)
def test_what_names_no_model_is_a_usage_error(text, match):
    with pytest.raises(UsageError, match=match):
        ModelSpec.parse(text)


def test_weights_are_asked_for_by_the_options_that_libraries_have_for_it():
    asking = ("weights=DEFAULT", "pretrained=true", "weights_backbone=DEFAULT")
    assert all(ModelSpec.parse(f"timm:a:{option}").asks_for_weights for option in asking)
    silent = ("weights=None", "pretrained=false", "num_classes=3")
    assert not any(ModelSpec.parse(f"timm:a:{option}").asks_for_weights for option in silent)
