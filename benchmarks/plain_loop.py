"""CIFAR training the way that most public trainers do it, to be timed against.

Images go one by one through Pillow and torchvision's transforms in a DataLoader; tensors are
contiguous. After Yerlan Idelbayev's trainer (github.com/akamaster/pytorch_resnet_cifar10), which
has four workers.
"""

import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from resprobe.datasets import Normalisation

WORKERS = 4
NORMALISATION = Normalisation.parse("imagenet")
ADVICE = "ignore:This DataLoader will create:UserWarning"  # it has four, whatever the machine


class OneByOne(Dataset):
    """What torchvision's CIFAR10 does with its array."""

    def __init__(self, data, transform):
        self.pixels = data.images.permute(0, 2, 3, 1).contiguous().numpy()
        self.labels, self.transform = data.labels.tolist(), transform

    def __len__(self):
        return len(self.pixels)

    def __getitem__(self, index):
        return self.transform(Image.fromarray(self.pixels[index])), self.labels[index]


def loader(data, *, workers, batch_size=128, augmented=True, shuffle=True):
    random = [transforms.RandomHorizontalFlip(), transforms.RandomCrop(32, 4)]
    to_numbers = [
        transforms.ToTensor(),
        transforms.Normalize(mean=NORMALISATION.mean, std=NORMALISATION.std),
    ]
    transform = transforms.Compose([*(random if augmented else []), *to_numbers])
    return DataLoader(
        OneByOne(data, transform),
        batch_size=batch_size,
        shuffle=shuffle,
        num_workers=workers,
        persistent_workers=workers > 0,
    )


def train_epoch(model, optimiser, batches):
    """Return the mean loss and the number of wrong answers, read after every step."""
    criterion = nn.CrossEntropyLoss()
    model.train()
    losses, wrong = [], 0
    for images, target in batches:
        output = model(images)
        loss = criterion(output, target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        wrong += int((output.argmax(1) != target).sum())
    return sum(losses) / len(losses), wrong


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
