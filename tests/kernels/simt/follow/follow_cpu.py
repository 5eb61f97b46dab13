#!/usr/bin/env python3
"""Whether every configuration of the project, at reduced size, follows the CPU on simulated GPUs.

usage: SLIPWAY=BUILD/slipway follow_cpu.py [--ranks] [--whole]

Each configuration trains for ten steps captured and not captured, in each precision, with the libraries for products and
convolutions and with Slipway's own kernels; with --ranks instead on 1, 2, 3, 4 and 8 ranks with a GPU each, in float32, with
batches accumulated or not and the optimizer's state divided or not. --whole does so in each of ten orders of scheduling;
without it each order has its turn with some configuration and some of these ways. Fails if losses leave the CPU's, if any two
orders differ in a bit, or if the simulator finds a mistake.
"""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../support"))
from reduced_configs import CALMER, CONFIGS, reduced
from runs import PROGRAM

FOLLOW = os.path.join(os.path.dirname(PROGRAM), "tests/kernels/simt/slipway_follow_cpu")
STEPS = 10
SEEDS = range(1, 11)
PRECISIONS = ("float32", "tf32", "bfloat16", "float16")
LIBRARIES, OWN = (), ("--own-kernels",)


RANKS = (1, 2, 3, 4, 8)
HOW = list(itertools.product(("1", "2"), ("false", "true")))  # of ranks: accumulated batches, divided state


def follow(name, config, seeds, *arguments, **settings):
    """Whether it does."""
    assignments = [f"--set={key.replace('__', '.')}={value}" for key, value in settings.items()]
    done = subprocess.run([FOLLOW, config, "--seeds", ",".join(map(str, seeds)), *arguments, *assignments],
                          cwd=os.path.dirname(config), check=False)
    return done.returncode == 0


def follow_in_precision(name, config, way, seeds):
    """A way is a precision, and whose kernels multiply."""
    precision, kernels = way
    settings = {}
    if precision != "float32":
        # A scale at which no gradient overflows: a skipped step would have no counterpart.
        settings = CALMER.get(name, {}) | ({} if precision == "tf32" else {"train__loss_scale": 256})
    return follow(name, config, seeds, "--precision", precision, *kernels, **settings)


def follow_on_ranks(name, config, way, seeds):
    ranks, accumulate, divided = way
    return follow(name, config, seeds, "--ranks", str(ranks), train__uneven_batches="true", train__accumulate=accumulate,
                  train__shard_optimizer=divided, **CALMER.get(name, {}))


def precision_turns(whole):
    """Which configuration is run in which way by which seeds."""
    names = list(CONFIGS)
    for place, name in enumerate(names):
        if whole:
            yield from ((name, (precision, kernels), SEEDS) for precision in PRECISIONS for kernels in (LIBRARIES, OWN))
            continue
        yield name, ("float32", LIBRARIES), SEEDS[place::len(names)]
        yield name, (PRECISIONS[1 + place % (len(PRECISIONS) - 1)], OWN), [SEEDS[place]]


def rank_turns(whole):
    for place, name in enumerate(CONFIGS):
        if whole:
            yield from ((name, (ranks, *how), SEEDS) for ranks in RANKS for how in HOW)
            continue
        for turn in range(place % 2, len(RANKS), 2):
            yield name, (RANKS[turn], *HOW[(place + turn) % len(HOW)]), [SEEDS[(3 * place + turn) % len(SEEDS)]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", action="store_true")
    parser.add_argument("--whole", action="store_true")
    args = parser.parse_args()
    follows, turns = (follow_on_ranks, rank_turns) if args.ranks else (follow_in_precision, precision_turns)
    failed = []
    with tempfile.TemporaryDirectory(prefix="slipway_") as directory:
        for name, way, seeds in turns(args.whole):
            config = os.path.join(directory, name + ".yaml")
            with open(config, "w", encoding="utf-8") as file:
                file.write(reduced(CONFIGS[name], directory, max_steps=STEPS))
            if not follows(name, config, way, seeds):
                failed.append(f"{name} ({', '.join(map(str, way))})")
    if failed:
        sys.exit("failed: " + ", ".join(failed))


if __name__ == "__main__":
    main()
