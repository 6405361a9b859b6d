"""Architectures: the report's CNN, its dense successor, the embedding U-Net and its readout.

The first two see 29x29 pixels of gray, edges and corners and say which palette color the pixel at the center
has; the embedding sees most of the picture. Keras only, so that any Keras engine can train them.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from keras.initializers import HeNormal

from refcolor.config import PATCH
from refcolor.networks.embedding import FEATURES, TEXTURES

PLANES = 3  # gray, edges, corners


def patch_network(clusters: int, seed: int) -> Any:
    """The report's network, patches (B, 29, 29, 3) -> probabilities (B, clusters).

    3x3 convolutions to 16, 32, 64 and 128 channels, each followed by batch normalization, ReLU and 2x2
    max-pooling (29 -> 15 -> 8 -> 4 -> 2), then fully connected layers 256, 256 and `clusters` with dropout
    0.5. Weights from a normal distribution truncated at two sigma, sigma 0.02; biases zero. The report does
    not name the padding: only "same" gives its sizes.
    """
    seeds = count(seed * 1000)  # a seed of its own for every layer

    def normal() -> Any:
        return keras.initializers.TruncatedNormal(stddev=0.02, seed=next(seeds))

    x = inputs = keras.Input((PATCH, PATCH, PLANES))
    for channels in (16, 32, 64, 128):
        x = layers.Conv2D(channels, 3, padding="same", kernel_initializer=normal())(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
        x = layers.MaxPooling2D(2, padding="same")(x)
    x = layers.Flatten()(x)
    for _ in range(2):
        x = layers.Dense(256, activation="relu", kernel_initializer=normal())(x)
        x = layers.Dropout(0.5, seed=next(seeds))(x)
    outputs = layers.Dense(clusters, activation="softmax", kernel_initializer=normal())(x)
    return keras.Model(inputs, outputs, name="patch_network")


def dense_network(clusters: int, seed: int) -> Any:
    """Labels for every pixel at once, (B, h + 28, w + 28, 5) -> logits (B, h, w, clusters).

    3x3 convolutions with dilations 1, 2, 4 and 7 see 1 + 2 (1 + 2 + 4 + 7) = 29 pixels: the window of
    :func:`patch_network`, but neighboring windows share their work (fully convolutional networks, Long et
    al. 2015; dilations, Yu and Koltun 2016). Two more planes hold the position in the picture. Unpadded, so
    that the caller sets the border rule.
    """
    seeds = count(seed * 1000)
    x = inputs = keras.Input((None, None, PLANES + 2))
    for channels, dilation in ((24, 1), (32, 2), (48, 4), (64, 7)):
        start = HeNormal(seed=next(seeds))
        x = layers.Conv2D(channels, 3, dilation_rate=dilation, use_bias=False, kernel_initializer=start)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.ReLU()(x)
    x = layers.Conv2D(128, 1, activation="relu", kernel_initializer=HeNormal(seed=next(seeds)))(x)
    x = layers.SpatialDropout2D(0.1, seed=next(seeds))(x)
    outputs = layers.Conv2D(clusters, 1, kernel_initializer=HeNormal(seed=next(seeds)))(x)
    return keras.Model(inputs, outputs, name="dense_network")


def readout_network(clusters: int, seed: int) -> Any:
    """Palette labels of cells from features, textures, position and gray: (B, 69) -> logits (B, clusters)."""
    seeds = count(seed * 1000)
    inputs = keras.Input((FEATURES + TEXTURES + 3,))
    x = layers.Dense(128, activation="relu", kernel_initializer=HeNormal(seed=next(seeds)))(inputs)
    x = layers.Dropout(0.1, seed=next(seeds))(x)
    outputs = layers.Dense(clusters, kernel_initializer=HeNormal(seed=next(seeds)))(x)
    return keras.Model(inputs, outputs, name="readout_network")


def embedding_network(weights: Path | None = None) -> Any:
    """Describe every cell of a gray picture, (B, h, w, 2) -> unit vectors (B, h / 4, w / 4, 64).

    Convolutions at a quarter, an eighth and a sixteenth of the size, and back, with the finer features added
    (U-Net, Ronneberger et al. 2015; residual blocks, He et al. 2016). Sides are multiples of 16.
    """
    seeds = count(7000)

    def conv(x: Any, channels: int, *, size: int = 3, stride: int = 1) -> Any:
        start = keras.initializers.HeNormal(seed=next(seeds))
        return layers.Conv2D(
            channels, size, stride, padding="same", use_bias=False, kernel_initializer=start
        )(x)

    def norm(x: Any, *, gamma: str = "ones") -> Any:
        return layers.BatchNormalization(momentum=0.98, gamma_initializer=gamma)(x)

    def block(x: Any) -> Any:
        y = layers.ReLU()(norm(conv(x, x.shape[-1])))
        return layers.ReLU()(x + norm(conv(y, x.shape[-1]), gamma="zeros"))

    def down(x: Any, channels: int) -> Any:
        return layers.ReLU()(norm(conv(x, channels, stride=2)))

    def up(x: Any, finer: Any) -> Any:
        wide = layers.UpSampling2D(2, interpolation="bilinear")(norm(conv(x, finer.shape[-1], size=1)))
        return layers.ReLU()(wide + norm(conv(finer, finer.shape[-1], size=1)))

    inputs = keras.Input((None, None, 2))
    quarter = block(block(down(down(inputs, 32), 64)))
    eighth = block(block(down(quarter, 96)))
    x = block(block(block(down(eighth, 128))))
    x = block(up(x, eighth))
    x = block(up(x, quarter))
    x = layers.Conv2D(FEATURES, 1, kernel_initializer=keras.initializers.GlorotNormal(seed=next(seeds)))(x)
    model = keras.Model(inputs, layers.UnitNormalization(axis=-1)(x), name="embedding_network")
    if weights is not None:
        with np.load(weights, allow_pickle=False) as stored:
            model.set_weights([stored[str(i)].astype(np.float32) for i in range(len(model.weights))])
    return model


def save_weights(model: Any, path: Path) -> None:
    """Store a model's weights as half floats in an .npz file, in order."""
    np.savez_compressed(path, **{str(i): w.astype(np.float16) for i, w in enumerate(model.get_weights())})
