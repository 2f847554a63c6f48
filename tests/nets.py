"""Networks whose answers are known on paper, and networks as users write them."""

import torch
import torch.nn.functional as F
from torch import nn

from resprobe.datasets import Batches, ImageSet, Normalisation


class ScaleBlock(nn.Module):
    """x + a x."""

    def __init__(self, a):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(float(a)))

    def forward(self, x):
        return x + self.a * x


class LinearResNet(nn.Module):
    """Logits = (1 + a_1) ... (1 + a_L) x: deletions and gradient shares are known exactly."""

    def __init__(self, *factors):
        super().__init__()
        self.blocks = nn.Sequential(*(ScaleBlock(a) for a in factors))

    def forward(self, x):
        return self.blocks(x).flatten(1)


class PadShortcut(nn.Module):
    def __init__(self, planes):
        super().__init__()
        self.planes = planes

    def forward(self, x):
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.planes // 4, self.planes // 4))


class AkamasterBlock(nn.Module):
    """Functional ReLUs, an in-place sum, a lambda-like option A shortcut."""

    def __init__(self, inside, outside, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.shortcut = nn.Sequential() if stride == 1 else PadShortcut(outside)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out)


class AkamasterNet(nn.Module):
    def __init__(self, n=2, width=4, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        sizes = [(width, width, 1), (width, 2 * width, 2), (2 * width, 4 * width, 2)]
        self.layer1, self.layer2, self.layer3 = (
            nn.Sequential(
                AkamasterBlock(inside, outside, stride),
                *(AkamasterBlock(outside, outside, 1) for _ in range(n - 1)),
            )
            for inside, outside, stride in sizes
        )
        self.linear = nn.Linear(4 * width, classes)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.layer3(self.layer2(self.layer1(out)))
        out = F.avg_pool2d(out, out.size()[3])
        out = out.view(out.size(0), -1)
        return self.linear(out)


class TorchvisionBlock(nn.Module):
    """One ReLU module, in place, shared by three calls; an optional projection."""

    def __init__(self, inside, outside, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.conv3 = nn.Conv2d(outside, outside, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outside)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inside != outside:
            self.downsample = nn.Sequential(
                nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside)
            )

    def forward(self, x):
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class TorchvisionNet(nn.Module):
    def __init__(self, width=4, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(
            TorchvisionBlock(width, 2 * width, 1), TorchvisionBlock(2 * width, 2 * width, 1)
        )
        self.layer2 = nn.Sequential(
            TorchvisionBlock(2 * width, 4 * width, 2), TorchvisionBlock(4 * width, 4 * width, 1)
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(4 * width, classes)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer2(self.layer1(x))
        return self.fc(torch.flatten(self.avgpool(x), 1))


def with_lively_statistics(model, seed=0):
    """Give BatchNorm running statistics, scales and shifts that are not those of a new one."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            spread = parameter[0].numel() ** -0.5 if parameter.dim() > 1 else 0.1
            parameter.copy_(spread * torch.randn(parameter.shape, generator=generator))
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                shape = module.running_mean.shape
                module.running_mean.copy_(0.3 * torch.randn(shape, generator=generator))
                module.running_var.copy_(0.5 + torch.rand(shape, generator=generator))
                module.weight.copy_(0.5 + torch.rand(shape, generator=generator))
                module.bias.copy_(0.3 * torch.randn(shape, generator=generator))
    return model


def random_images(n, channels=3, size=16, classes=10, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (n, channels, size, size), generator=generator)
    labels = torch.randint(0, classes, (n,), generator=generator)
    names = tuple(f"class {i}" for i in range(classes))
    return ImageSet(images.to(torch.uint8), labels, names, "random", "test")


def random_batches(n, channels=3, size=16, classes=10, seed=0, batch_size=64):
    images = random_images(n, channels, size, classes, seed)
    return Batches(images, Normalisation((0.5,) * channels, (0.25,) * channels), batch_size)
