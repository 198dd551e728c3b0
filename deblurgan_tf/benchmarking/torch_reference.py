"""DeblurGAN's networks and training step in PyTorch, to compare the speed with.

The layers are those of the authors' code (KupynOrest/DeblurGAN, commit 39e8a4b). The
step is that of `training`: float32, the perceptual loss, WGAN-GP with one gradient norm
a sample, five updates of the critic and one of the generator. The weights of VGG19 are
random, which does not change the time. Needs the extra `torch`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn


class ResidualBlock(nn.Module):
    """x + two convolutions of x, NCHW."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
            nn.ReLU(True),
            nn.Dropout(dropout),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) -> the same shape."""
        return x + self.body(x)


class Generator(nn.Module):
    """As `models.deblurgan.resnet_generator`, NCHW."""

    def __init__(self, width: int = 64, blocks: int = 9, dropout: float = 0.5) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7)]
        layers += [nn.InstanceNorm2d(width), nn.ReLU(True)]
        for channels in (width, 2 * width):
            layers += [nn.Conv2d(channels, 2 * channels, 3, 2, 1)]
            layers += [nn.InstanceNorm2d(2 * channels), nn.ReLU(True)]
        layers += [ResidualBlock(4 * width, dropout) for _ in range(blocks)]
        for channels in (4 * width, 2 * width):
            layers += [nn.ConvTranspose2d(channels, channels // 2, 3, 2, 1, 1)]
            layers += [nn.InstanceNorm2d(channels // 2), nn.ReLU(True)]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(self, blurred: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) in [-1, 1], H and W multiples of 4 -> the same shape."""
        return torch.clamp(blurred + self.model(blurred), -1, 1)


def critic(width: int = 64, depth: int = 3) -> nn.Module:
    """As `models.deblurgan.patch_critic`, NCHW."""
    layers: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 2), nn.LeakyReLU(0.2, True)]
    channels = width
    for layer in range(1, depth + 1):
        wider = width * min(2**layer, 8)
        layers += [nn.Conv2d(channels, wider, 4, 2 if layer < depth else 1, 2)]
        layers += [nn.InstanceNorm2d(wider), nn.LeakyReLU(0.2, True)]
        channels = wider
    return nn.Sequential(*layers, nn.Conv2d(channels, 1, 4, 1, 2))


def vgg19_features() -> nn.Module:
    """VGG19 up to the activation of `block3_conv3`."""
    layers: list[nn.Module] = []
    channels = 3
    for wider, count in ((64, 2), (128, 2), (256, 3)):
        if layers:
            layers.append(nn.MaxPool2d(2))
        for _ in range(count):
            layers += [nn.Conv2d(channels, wider, 3, 1, 1), nn.ReLU(True)]
            channels = wider
    return nn.Sequential(*layers).requires_grad_(False)


def make_train_step(
    width: int = 64, blocks: int = 9, critic_steps: int = 5
) -> Callable[[torch.Tensor, torch.Tensor], float]:
    """A function of (blurred, sharp) that updates both networks, new ones.

    It takes float32 (N, 3, H, W) in [-1, 1] and returns the generator's loss.
    """
    torch.manual_seed(0)
    generator, discriminator = Generator(width, blocks), critic(width)
    features = vgg19_features()
    generator_adam, critic_adam = (
        torch.optim.Adam(network.parameters(), lr=1e-4, betas=(0.5, 0.999))
        for network in (generator, discriminator)
    )

    def scores(pictures: torch.Tensor) -> torch.Tensor:
        return discriminator(pictures).mean(dim=(1, 2, 3))

    def penalty(sharp: torch.Tensor, restored: torch.Tensor) -> torch.Tensor:
        alpha = torch.rand(len(sharp), 1, 1, 1)
        between = (alpha * sharp + (1 - alpha) * restored).requires_grad_(True)
        total = scores(between).sum()
        (gradient,) = torch.autograd.grad(total, between, create_graph=True)
        return ((gradient.flatten(1).norm(2, dim=1) - 1) ** 2).mean()

    def train_step(blurred: torch.Tensor, sharp: torch.Tensor) -> float:
        restored = generator(blurred)
        fixed = restored.detach()
        for _ in range(critic_steps):
            critic_adam.zero_grad()
            loss = scores(fixed).mean() - scores(sharp).mean()
            (loss + 10 * penalty(sharp, fixed)).backward()
            critic_adam.step()
        generator_adam.zero_grad()
        content = nn.functional.mse_loss(features(restored), features(sharp))
        loss = 100 * content - scores(restored).mean()
        loss.backward()
        generator_adam.step()
        return float(loss.detach())

    return train_step
