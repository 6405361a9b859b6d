#!/usr/bin/env python3
"""Train the embedding that refcolor ships: learn to copy color between two pictures.

"Tracking emerges by colorizing videos" (Vondrick et al. 2018): every cell of the target attends to all cells
of the source; the loss is the cross-entropy of the copied colors. Clips are a folder with one
folder of frames per clip. Prints the loss during training; writes the weights and a report of the run.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops
from pairs import CLUSTERS, SIDE, Batch, batches, read_clips

from refcolor.networks.architectures import embedding_network, save_weights
from refcolor.networks.embedding import ATTENTION_SCALE, CELL_SIDE

CELLS = (SIDE // CELL_SIDE) ** 2


class Copy(layers.Layer):
    """Colors of the sources, copied to the targets by attention: (2 B, h, w, d), (B, n, k) -> (B, n, k)."""

    def call(self, features, colors, nearness):  # type: ignore[no-untyped-def]
        source, target = ops.split(ops.reshape(features, (-1, CELLS, features.shape[-1])), 2)
        logits = ops.matmul(target, ops.transpose(source, (0, 2, 1))) * ATTENTION_SCALE
        side = np.arange(SIDE // CELL_SIDE, dtype=np.float32) / (SIDE // CELL_SIDE)
        y, x = (v.ravel() for v in np.meshgrid(side, side, indexing="ij"))
        distance2 = (y[:, None] - y) ** 2 + (x[:, None] - x) ** 2
        logits = logits - nearness[:, None] * ops.convert_to_tensor(distance2)
        return ops.clip(ops.matmul(ops.softmax(logits), colors), 1e-4, 1.0)


def pair_model(embed: keras.Model) -> keras.Model:
    """A model of (source, target, source colors, nearness) -> copied colors."""
    source, target = (keras.Input((SIDE, SIDE, 2)) for _ in range(2))
    colors, nearness = keras.Input((CELLS, CLUSTERS)), keras.Input((1,))
    both = embed(ops.concatenate([source, target], axis=0))
    copied = Copy()(both, colors, nearness)
    return keras.Model([source, target, colors, nearness], copied)


def inputs(batch: Batch, rng: np.random.Generator) -> list[np.ndarray]:
    # Half of the batches prefer near cells, as most motion is small; the others must find color anywhere.
    sigma = [np.inf, np.inf, 0.3, 0.15][rng.integers(4)]
    nearness = np.full((len(batch.source), 1), 0.5 / sigma**2, np.float32)
    return [batch.source, batch.target, batch.source_colors, nearness]


def main() -> int:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("clips", type=Path, help="folder with a folder of frames per clip")
    cli.add_argument("weights", type=Path, help="where to write the weights (.npz)")
    cli.add_argument("--minutes", type=float, default=60)
    cli.add_argument("--batch", type=int, default=4)
    cli.add_argument("--rate", type=float, default=1e-3)
    cli.add_argument("--drawn", type=float, default=0.3, help="share of drawn pairs; default: %(default)s")
    cli.add_argument("--leave-out", nargs="*", default=[], help="clips to measure on instead of training")
    cli.add_argument("--start", type=Path, help="weights to start from")
    cli.add_argument("--seed", type=int, default=0)
    args = cli.parse_args()

    clips = read_clips(args.clips, args.leave_out)
    embed = embedding_network(args.start)
    model = pair_model(embed)
    model.compile(
        optimizer=keras.optimizers.AdamW(args.rate, weight_decay=1e-4, clipnorm=1.0),
        loss=keras.losses.CategoricalCrossentropy(),
        jit_compile=False,
    )
    rng = np.random.default_rng(args.seed)
    stream = batches(clips, args.batch, args.drawn, args.seed)
    held_out = read_clips(
        args.clips, [c for c in (p.name for p in args.clips.iterdir()) if c not in args.leave_out]
    )
    check = batches(held_out, 4, 0.0, 1) if held_out else None
    checks = [next(check) for _ in range(12)] if check else []
    start, step, mean, log = time.time(), 0, None, []
    while (share := (time.time() - start) / 60 / args.minutes) < 1:  # of the time
        model.optimizer.learning_rate = (
            args.rate * min(1, (step + 1) / 100) * 0.5 * (1 + np.cos(np.pi * share))
        )
        batch = next(stream)
        loss = float(model.train_on_batch(inputs(batch, rng), batch.target_colors))
        mean = loss if mean is None else 0.99 * mean + 0.01 * loss
        step += 1
        if step % 250 == 0:
            losses = [
                model.evaluate(inputs(b, np.random.default_rng(i)), b.target_colors, verbose=0)
                for i, b in enumerate(checks)
            ]
            log.append(
                {
                    "step": step,
                    "minutes": share * args.minutes,
                    "loss": mean,
                    "held_out": float(np.mean(losses)) if losses else None,
                }
            )
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
        "seed": args.seed,
        "start": args.start and args.start.name,
        "rate": args.rate,
        "log": log,
    }
    args.weights.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
