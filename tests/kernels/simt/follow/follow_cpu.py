#!/usr/bin/env python3
"""Whether every configuration of the project, at reduced size, follows the CPU on a simulated GPU.

usage: SLIPWAY=BUILD/slipway follow_cpu.py [--whole]

Each configuration trains for ten steps captured and not captured, in each precision, with the libraries for products and
convolutions and with Slipway's own kernels. --whole does so in each of ten orders of scheduling; without it each order, and
each precision but float32, has its turn with some configuration. Fails if losses leave the CPU's, if any two orders differ
in a bit, or if the simulator finds a mistake.
"""

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


def settings(name, precision):
    """What a precision asks of a configuration."""
    if precision == "float32":
        return {}
    # A scale at which no gradient overflows: a skipped step would have no counterpart.
    return CALMER.get(name, {}) | ({} if precision == "tf32" else {"train__loss_scale": 256})


def follow(name, config, way, seeds):
    """Whether it does; a way is a precision, and whose kernels multiply."""
    precision, kernels = way
    assignments = [f"--set={key.replace('__', '.')}={value}" for key, value in settings(name, precision).items()]
    done = subprocess.run([FOLLOW, config, "--precision", precision, "--seeds", ",".join(map(str, seeds)), *kernels, *assignments],
                          cwd=os.path.dirname(config), check=False)
    return done.returncode == 0


def turns(whole):
    """Which configuration is run in which way by which seeds."""
    names = list(CONFIGS)
    for place, name in enumerate(names):
        if whole:
            yield from ((name, (precision, kernels), SEEDS) for precision in PRECISIONS for kernels in (LIBRARIES, OWN))
            continue
        yield name, ("float32", LIBRARIES), SEEDS[place::len(names)]
        yield name, (PRECISIONS[1 + place % (len(PRECISIONS) - 1)], OWN), [SEEDS[place]]


def main():
    whole = sys.argv[1:] == ["--whole"]
    if sys.argv[1:] and not whole:
        sys.exit(__doc__)
    failed = []
    with tempfile.TemporaryDirectory(prefix="slipway_") as directory:
        for name, way, seeds in turns(whole):
            config = os.path.join(directory, name + ".yaml")
            with open(config, "w", encoding="utf-8") as file:
                file.write(reduced(CONFIGS[name], directory, max_steps=STEPS))
            if not follow(name, config, way, seeds):
                failed.append(f"{name} in {way[0]}")
    if failed:
        sys.exit("failed: " + ", ".join(failed))


if __name__ == "__main__":
    main()
