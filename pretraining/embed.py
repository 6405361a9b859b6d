#!/usr/bin/env python3
"""Train the embedding that refcolor ships: learn what belongs together in two pictures.

Three losses over cells of 4x4 pixels, printed apart:

copy      every target cell attends to all source cells; cross-entropy of the colors that it copies ("Tracking
          emerges by colorizing videos", Vondrick et al. 2018)
contrast  where the match is known, cross-entropy of the attention itself (InfoNCE, van den Oord et al. 2018)
region    neighbors of one color are alike, neighbors of two colors unlike

Clips are a folder with one folder of frames per clip. `train` writes the weights, again at every report, so
that a later run can go on from them with --start, and a report of the run; `measure` prints the losses of
weights on clips, by pack.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from pairs import CLUSTERS, PURE, SIDE, Batch, batches, pack, read_clips

from refcolor.networks.architectures import embedding_network, save_weights
from refcolor.networks.embedding import ATTENTION_SCALE, CELL_SIDE

GRID = SIDE // CELL_SIDE
CELLS = GRID**2
TARGETS = 784  # cells of a target that a step looks at
NEIGHBORS = ((0, 1), (1, 0), (0, 3), (3, 0), (2, 2), (2, -2))  # rows and columns between neighbors
NEIGHBOR_SCALE, NEIGHBOR_OFFSET = 8.0, 0.6  # similarity at which two cells are as well alike as unlike
PARTS = ("copy", "contrast", "region")


class Losses(layers.Layer):  # type: ignore[misc]
    """The three losses of every pair, before their weights: (B, 3)."""

    def call(
        self, features: Any, chosen: Any, source_colors: Any, target_colors: Any, match: Any, nearness: Any
    ) -> Any:
        features = ops.cast(features, "float32")
        source, target = ops.split(ops.reshape(features, (-1, CELLS, features.shape[-1])), 2)
        target = ops.take_along_axis(target, chosen[..., None], axis=1)
        wanted = ops.take_along_axis(target_colors, chosen[..., None], axis=1)
        logits = ops.matmul(target, ops.transpose(source, (0, 2, 1))) * ATTENTION_SCALE
        y, x = (ops.cast(v, "float32") / GRID for v in (chosen // GRID, chosen % GRID))
        side = np.arange(GRID, dtype=np.float32) / GRID
        source_y, source_x = (v.ravel() for v in np.meshgrid(side, side, indexing="ij"))
        distance2 = (y[..., None] - source_y) ** 2 + (x[..., None] - source_x) ** 2
        copied = ops.matmul(ops.softmax(logits - nearness[:, None] * distance2), source_colors)
        copy = ops.mean(-ops.sum(wanted * ops.log(ops.clip(copied, 1e-4, 1.0)), -1), -1)

        match = ops.take_along_axis(match, chosen, axis=1)
        known = ops.cast(match >= 0, "float32")
        right = ops.take_along_axis(ops.log_softmax(logits), ops.maximum(match, 0)[..., None], axis=-1)[
            ..., 0
        ]
        contrast = -ops.sum(right * known, -1) / TARGETS
        return ops.stack([copy, contrast, self.region(features, source_colors, target_colors)], -1)

    @staticmethod
    def region(features: Any, source_colors: Any, target_colors: Any) -> Any:
        colors = ops.reshape(ops.concatenate([source_colors, target_colors]), (-1, GRID, GRID, CLUSTERS))
        pure, label = ops.max(colors, -1) >= PURE, ops.argmax(colors, -1)
        total, count = 0.0, 1e-6
        for rows, columns in NEIGHBORS:
            one = (slice(None), slice(0, GRID - rows), slice(max(0, -columns), GRID - max(0, columns)))
            other = (slice(None), slice(rows, GRID), slice(max(0, columns), GRID - max(0, -columns)))
            alike = ops.sum(features[one] * features[other], -1)
            same = ops.where(label[one] == label[other], 1.0, -1.0)
            loss = ops.softplus(-same * NEIGHBOR_SCALE * (alike - NEIGHBOR_OFFSET))
            # borders are rare: unlike neighbors count as much as alike ones, roughly
            weight = ops.cast(pure[one] & pure[other], "float32") * ops.where(same > 0, 1.0, 4.0)
            total += ops.sum(loss * weight, (1, 2))
            count += ops.sum(weight, (1, 2))
        first, second = ops.split(total / count, 2)
        return (first + second) / 2


def pair_model(embed: keras.Model) -> keras.Model:
    """A model of a batch -> its losses (B, 3)."""
    source, target = (keras.Input((SIDE, SIDE, 2)) for _ in range(2))
    colors = [keras.Input((CELLS, CLUSTERS)) for _ in range(2)]
    chosen, match = keras.Input((TARGETS,), dtype="int32"), keras.Input((CELLS,), dtype="int32")
    nearness = keras.Input((1,))
    both = embed(ops.concatenate([source, target], axis=0))
    losses = Losses(dtype="float32")(both, chosen, *colors, match, nearness)
    return keras.Model([source, target, *colors, chosen, match, nearness], losses)


def inputs(batch: Batch, rng: np.random.Generator) -> list[np.ndarray]:
    # Half of the batches prefer near cells, as most motion is small; the others must find color anywhere.
    size = len(batch.source)
    sigma = [np.inf, np.inf, 0.3, 0.15][rng.integers(4)]
    nearness = np.full((size, 1), 0.5 / sigma**2, np.float32)
    chosen = np.stack([rng.permutation(CELLS)[:TARGETS] for _ in range(size)]).astype(np.int32)
    colors = batch.source_colors, batch.target_colors
    return [batch.source, batch.target, *colors, chosen, batch.match, nearness]


def measure(model: keras.Model, clips: dict[str, Any], count: int, plain: bool) -> dict[str, list[float]]:
    """Mean losses by pack, of `count` batches each."""
    by_pack: dict[str, list[float]] = {}
    for name in sorted({pack(clip) for clip in clips}):
        stream = batches({c: f for c, f in clips.items() if pack(c) == name}, 4, 0.0, 1, plain)
        losses = [
            model.predict_on_batch(inputs(next(stream), np.random.default_rng(i))).mean(0)
            for i in range(count)
        ]
        by_pack[name] = np.mean(losses, 0).round(4).tolist()
    return by_pack


def train(args: argparse.Namespace) -> None:
    clips = read_clips(args.clips, leave_out=tuple(args.leave_out))
    embed = embedding_network(args.start)
    model = pair_model(embed)
    weights = np.array([1.0, args.contrast, args.region], np.float32)
    model.compile(
        optimizer=keras.optimizers.AdamW(args.rate, weight_decay=1e-4, clipnorm=1.0),
        loss=lambda _, parts: ops.mean(ops.sum(parts * weights, -1)),
        jit_compile=False,
    )
    rng = np.random.default_rng(args.seed)
    stream = batches(clips, args.batch, args.drawn, args.seed)
    held_out = read_clips(args.clips, keep=args.leave_out) if args.leave_out else {}
    nothing = np.zeros((args.batch, len(PARTS)), np.float32)
    start, step, mean, log = time.time(), 0, None, []
    while (share := (time.time() - start) / 60 / args.minutes) < 1:  # of the time
        model.optimizer.learning_rate = (
            args.rate * min(1, (step + 1) / 100) * 0.5 * (1 + np.cos(np.pi * share))
        )
        loss = float(model.train_on_batch(inputs(next(stream), rng), nothing))
        mean = loss if mean is None else 0.99 * mean + 0.01 * loss
        step += 1
        if step % args.every == 0:
            log.append({"step": step, "minutes": round(share * args.minutes, 2), "loss": round(mean, 4)})
            if step % (4 * args.every) == 0:
                log[-1]["held_out"] = measure(model, held_out, 3, plain=True)
            print(json.dumps(log[-1]), flush=True)
            save_weights(embed, args.weights)
    save_weights(embed, args.weights)
    report = {
        "clips": sorted(clips),
        "left_out": args.leave_out,
        "batch": args.batch,
        "steps": step,
        "minutes": args.minutes,
        "drawn": args.drawn,
        "contrast": args.contrast,
        "region": args.region,
        "seed": args.seed,
        "start": args.start and args.start.name,
        "rate": args.rate,
        "parts": PARTS,
        "log": log,
    }
    args.weights.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")


def main() -> int:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("what", choices=["train", "measure"])
    cli.add_argument("clips", type=Path, help="folder with a folder of frames per clip")
    cli.add_argument("weights", type=Path, help="weights (.npz) to write, or to measure")
    cli.add_argument("--minutes", type=float, default=60)
    cli.add_argument("--batch", type=int, default=4)
    cli.add_argument("--rate", type=float, default=1e-3)
    cli.add_argument("--drawn", type=float, default=0.3, help="share of drawn pairs; default: %(default)s")
    cli.add_argument("--contrast", type=float, default=0.1, help="weight of that loss; default: %(default)s")
    cli.add_argument("--region", type=float, default=0.2, help="weight of that loss; default: %(default)s")
    cli.add_argument("--leave-out", nargs="*", default=[], help="starts of names of clips to measure on")
    cli.add_argument("--start", type=Path, help="weights to start from")
    cli.add_argument("--every", type=int, default=250, help="steps between reports; default: %(default)s")
    cli.add_argument("--seed", type=int, default=0)
    cli.add_argument("--threads", type=int, default=0, help="of TensorFlow; default: all cores")
    args = cli.parse_args()
    if args.threads:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(args.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    if args.what == "train":
        train(args)
    else:
        model = pair_model(embedding_network(args.weights))
        for plain in (True, False):
            found = measure(model, read_clips(args.clips, keep=args.leave_out or None), 12, plain)
            print("plain" if plain else "all kinds", json.dumps({"losses": PARTS} | found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
