"""The configurations of the project, small enough for a simulated GPU."""

import glob
import os

import h5py
import numpy as np
import yaml

from runs import SOURCES

CONFIGS = {os.path.splitext(os.path.basename(path))[0]: path
           for path in sorted(glob.glob(os.path.join(SOURCES, "configs/*.yaml")))}
SAMPLES = 40
WIDTH = 8  # by which models become narrower, as a simulated GPU is slow
SIDE = 12  # of images
# Batch normalisation of a few values and a high learning rate make steps of this one amplify any rounding, so that after
# some of them two runs have little in common. They follow each other where steps are smaller.
CALMER = {"cifar10_resnet18": {"train__optimizer__sgd__learning_rate": 0.01}}


def narrow(part):
    """A model with fewer filters and features, except for the last layer, which has one for each class."""
    if isinstance(part, dict):
        return {key: max(2, value // WIDTH) if key in ("filters", "linear", "basic", "down") and isinstance(value, int)
                else narrow(value) for key, value in part.items()}
    return [narrow(item) for item in part] if isinstance(part, list) else part


def reduced(path, directory, **train):
    """A configuration of the project with its own layers and settings, on a few small samples; `train` are its settings."""
    with open(path, encoding="utf-8") as file:
        config = yaml.safe_load(file)
    data = config["data"]
    data["workers"] = 1
    data["train"] = small_data(data, config["model"][-1]["linear"], directory)
    data.pop("validation", None), data.pop("test", None)
    data["split"] = {"fraction": 0.2}
    for transform in data["transforms"]:
        if "random_crop" in transform:
            transform["random_crop"]["size"] = SIDE
    config["model"] = narrow(config["model"][:-1]) + config["model"][-1:]
    config["blocks"] = narrow(config.get("blocks", {}))
    config["train"].update({"batch_size": 4, "evaluation_batch_size": 3} | train)
    return yaml.safe_dump(config)


def small_data(data, classes, directory):
    """Random samples of the kind that the configuration reads."""
    random = np.random.default_rng(1)
    (kind, settings), = data["train"].items()
    if kind == "csv":
        path = os.path.join(directory, "table.csv")
        with open(path, "w", encoding="utf-8") as file:
            for i in range(SAMPLES):
                cells = [f"{cell:.4f}" for cell in random.normal(size=len(settings["header"]) - 1)]
                file.write(",".join(cells + [settings["labels"][i % classes]]) + "\n")
        return {"csv": settings | {"path": path, "skip_rows": 0}}
    channels = len(next(t["normalize"]["mean"] for t in data["transforms"] if "normalize" in t))
    path = os.path.join(directory, "images.h5")
    with h5py.File(path, "w") as file:
        file["image"] = random.integers(0, 256, (SAMPLES, channels, SIDE, SIDE), dtype=np.uint8)
        file["label"] = np.arange(SAMPLES, dtype=np.int64) % classes
    return {"hdf5": {"path": path, "inputs": ["image"], "targets": ["label"]}}
