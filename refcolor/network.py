"""The two label networks: the report's patch network and its dense successor.

Both see 29x29 pixels of gray, edges and corners and say which palette colour the pixel at the centre has.
Keras only, so that any Keras engine can train them.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from .config import PATCH

RADIUS = PATCH // 2
PLANES = 3  # gray, edges, corners


def patch_network(clusters: int, seed: int) -> Any:
    """The report's network, patches (B, 29, 29, 3) -> probabilities (B, clusters).

    3x3 convolutions to 16, 32, 64 and 128 channels, each followed by batch normalisation, ReLU and 2x2
    max-pooling (29 -> 15 -> 8 -> 4 -> 2), then fully connected layers 256, 256 and `clusters` with dropout
    0.5. Weights from a normal distribution truncated at two sigma, sigma 0.02; biases zero. The report does
    not name the padding: only "same" gives its sizes.
    """
    draw = _seeds(seed)

    def normal() -> Any:
        return keras.initializers.TruncatedNormal(stddev=0.02, seed=next(draw))

    x = inputs = keras.Input((PATCH, PATCH, PLANES))
    for channels in (16, 32, 64, 128):
        x = layers.Conv2D(channels, 3, padding="same", kernel_initializer=normal())(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
        x = layers.MaxPooling2D(2, padding="same")(x)
    x = layers.Flatten()(x)
    for _ in range(2):
        x = layers.Dense(256, activation="relu", kernel_initializer=normal())(x)
        x = layers.Dropout(0.5, seed=next(draw))(x)
    outputs = layers.Dense(clusters, activation="softmax", kernel_initializer=normal())(x)
    return keras.Model(inputs, outputs, name="patch_network")


def dense_network(clusters: int, seed: int) -> Any:
    """Labels for every pixel at once, (B, h + 28, w + 28, 5) -> logits (B, h, w, clusters).

    3x3 convolutions with dilations 1, 2, 4 and 7 see 1 + 2 (1 + 2 + 4 + 7) = 29 pixels: the window of
    :func:`patch_network`, but neighbouring windows share their work (fully convolutional networks, Long et
    al. 2015; dilations, Yu and Koltun 2016). Two planes more than the report's tell
    the place in the picture. Unpadded, so that the caller sets the border rule.
    """
    draw = _seeds(seed)

    def normal() -> Any:
        return keras.initializers.HeNormal(seed=next(draw))

    x = inputs = keras.Input((None, None, PLANES + 2))
    for channels, dilation in ((24, 1), (32, 2), (48, 4), (64, 7)):
        x = layers.Conv2D(channels, 3, dilation_rate=dilation, use_bias=False, kernel_initializer=normal())(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.ReLU()(x)
    x = layers.Conv2D(128, 1, activation="relu", kernel_initializer=normal())(x)
    x = layers.SpatialDropout2D(0.1, seed=next(draw))(x)
    outputs = layers.Conv2D(clusters, 1, kernel_initializer=normal())(x)
    return keras.Model(inputs, outputs, name="dense_network")


def _seeds(seed: int) -> Any:
    """Endless distinct seeds, so that equal layers do not start equal."""
    at = seed * 1000
    while True:
        yield at
        at += 1
