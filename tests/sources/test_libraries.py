import sys
import urllib.error

import pytest
import torch

from resprobe.errors import ResprobeError, UsageError
from resprobe.sources import (
    ModelSpec,
    build_model,
    designed_size,
    image_size,
    input_channels,
    library_normalisation,
)

SMALL_VIT = "timm:vit_tiny_patch16_224:img_size=32:patch_size=8:depth=2"


@pytest.fixture
def torchvision():
    return pytest.importorskip("torchvision")


@pytest.fixture
def timm():
    return pytest.importorskip("timm")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    """Nothing may be downloaded; a test that wants a failure says which."""

    def refuse(*_, **__):
        raise AssertionError("a download was tried")

    monkeypatch.setattr("torch.hub.download_url_to_file", refuse)
    monkeypatch.setattr("socket.create_connection", refuse)


def test_torchvisions_model_is_the_librarys_own_drawn_from_the_seed(torchvision):
    model = build_model("torchvision:resnet18:num_classes=4", seed=5)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        expected = torchvision.models.resnet18(num_classes=4).state_dict()
    found = model.state_dict()
    assert list(found) == list(expected)
    assert all(torch.equal(found[key], value) for key, value in expected.items())


def test_timms_model_is_the_librarys_own_drawn_from_the_seed(timm):
    model = build_model(SMALL_VIT, seed=5)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        made = timm.create_model("vit_tiny_patch16_224", img_size=32, patch_size=8, depth=2)
    expected = made.state_dict()
    assert all(torch.equal(model.state_dict()[key], value) for key, value in expected.items())


def test_defaults_go_to_models_that_take_them_and_below_the_users_own(torchvision, timm):
    asked = {"num_classes": 9, "in_channels": 1}
    assert build_model("torchvision:resnet18", **asked).fc.out_features == 9
    assert build_model("torchvision:resnet18:num_classes=4", **asked).fc.out_features == 4
    assert input_channels(build_model("torchvision:resnet18", **asked)) == 3
    assert build_model("torchvision:lraspp_mobilenet_v3_large", num_classes=9)
    assert build_model("torchvision:raft_small", **asked)  # which has no classes
    vit = build_model(SMALL_VIT, **asked)
    assert (vit.head.out_features, input_channels(vit)) == (9, 1)
    assert input_channels(build_model(f"{SMALL_VIT}:in_chans=4", **asked)) == 4


@pytest.mark.parametrize("option", ["weights=IMAGENET1K_V1", "weights=DEFAULT"])
def test_weights_of_torchvision_are_fetched_only_when_asked_for(torchvision, monkeypatch, option):
    model = build_model("torchvision:mobilenet_v3_small", seed=1)
    monkeypatch.setattr(
        "torchvision.models._api.load_state_dict_from_url",
        lambda *_, **__: model.state_dict(),
    )
    # trained weights decide the number of classes, not the images
    found = build_model(f"torchvision:mobilenet_v3_small:{option}", num_classes=9)
    assert found.features[0][0].weight.equal(model.features[0][0].weight)


def test_a_failed_download_is_one_sentence_that_names_the_alternative(torchvision, monkeypatch):
    def offline(*_, **__):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    match = r"resnet18:weights=DEFAULT: its weights could not be downloaded \(URLError: .*--ckpt"
    with pytest.raises(ResprobeError, match=match):
        build_model("torchvision:resnet18:weights=DEFAULT")


def test_a_download_that_was_cut_short_is_a_failed_one(torchvision, monkeypatch):
    def changed(*_, **__):
        raise RuntimeError('invalid hash value (expected "f37072fd", got "00")')

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", changed)
    with pytest.raises(ResprobeError, match=r"could not be downloaded \(.*invalid hash value"):
        build_model("torchvision:resnet18:weights=DEFAULT")


def test_a_failed_download_of_timms_weights_is_the_same_sentence(timm, monkeypatch):
    def offline(*_, **__):
        raise FileNotFoundError("An error happened while trying to locate the file on the Hub")

    monkeypatch.setattr("timm.models._builder.load_pretrained", offline)
    with pytest.raises(ResprobeError, match=r"could not be downloaded \(FileNotFound.*--ckpt"):
        build_model("timm:resnet18:pretrained=true")


@pytest.mark.parametrize(
    ("spec", "match"),
    [
        ("torchvision:renset50", "unknown torchvision model 'renset50': did you mean 'resnet50'"),
        ("torchvision:resnet18:depth=3", r"cannot make it \(TypeError: .*'depth'"),
        ("torchvision:resnet18:weights=NONE_SUCH", r"cannot make it \(KeyError: 'NONE_SUCH'\)"),
        ("timm:renset50", "unknown timm model 'renset50': did you mean 'resnet50'"),
        ("timm:hf-hub:someone/net", "'someone/net' is no option"),
        ("timm:resnet18:deepth=3", r"cannot make it \(TypeError: .*'deepth'"),
        ("timm:resnet18.none_such", r"cannot make it \(RuntimeError: Invalid pretrained tag"),
    ],
)
def test_what_a_library_does_not_have_is_a_usage_error(spec, match):
    pytest.importorskip(spec.partition(":")[0])
    with pytest.raises(UsageError, match=match):
        build_model(spec)


@pytest.mark.parametrize("name", ["torchvision", "timm"])
def test_a_library_that_is_not_installed_says_how_to_get_it(name, monkeypatch):
    for module in [module for module in sys.modules if module.startswith(f"{name}.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, name, None)  # what makes Python say that there is none
    with pytest.raises(ResprobeError, match=f"not installed; get it with `pip install {name}`"):
        build_model(f"{name}:resnet18")


def test_a_library_that_does_not_fit_this_torch_says_why(monkeypatch):
    def broken(_):
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr("importlib.import_module", broken)
    with pytest.raises(ResprobeError, match=r"import here \(RuntimeError: operator .*again for"):
        build_model("torchvision:resnet18")


@pytest.mark.parametrize(
    ("spec", "channels", "size"),
    [
        ("torchvision:resnet18", 3, None),
        ("torchvision:vit_b_16:image_size=32", 3, 32),
        ("timm:resnet18", 3, 224),
        (SMALL_VIT, 3, 32),
        (f"{SMALL_VIT}:in_chans=1", 1, 32),
        ("timm:vit_tiny_patch16_224:img_size=(32,64):depth=1", 3, None),
    ],
)
def test_models_say_which_images_they_want(spec, channels, size):
    pytest.importorskip(spec.partition(":")[0])
    model = build_model(spec)
    assert (input_channels(model), image_size(model)) == (channels, size)


def test_models_that_say_nothing_are_not_guessed_about():
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2, device="meta"))
    model.image_size, model.pretrained_cfg = {"height": 3}, "none"
    assert (input_channels(model), image_size(model)) == (None, None)
    assert input_channels(torch.nn.LazyConv2d(3, 3, device="meta")) is None


def test_libraries_say_how_their_weights_want_the_pixels(torchvision, timm):
    def normalisation(text):
        spec = ModelSpec.parse(text)
        return library_normalisation(spec, build_model(spec))

    imagenet = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert normalisation("torchvision:resnet18") == imagenet
    assert normalisation("timm:resnet18") == imagenet
    assert normalisation(SMALL_VIT) == ((0.5,) * 3, (0.5,) * 3)
    assert normalisation(f"{SMALL_VIT}:in_chans=1") is None
    assert normalisation("torchvision:raft_small") is None


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("torchvision:resnet18", 224),
        ("torchvision:inception_v3:init_weights=false", 299),
        ("torchvision:raft_small", None),
        (SMALL_VIT, 32),
    ],
)
def test_libraries_say_which_images_their_models_were_designed_for(torchvision, timm, text, size):
    spec = ModelSpec.parse(text)
    assert designed_size(spec, build_model(spec)) == size
