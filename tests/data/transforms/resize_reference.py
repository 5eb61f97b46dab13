#!/usr/bin/env python3
"""Writes resize_reference.txt: what PyTorch makes of small images, for image_test.cpp.

Each record is `channels height width new_height new_width` and the resampled values of the image
pixel(c, y, x) = (97 c + 31 y + 57 x + 13 x y) mod 256.
"""
import pathlib

import torch

CASES = [(1, 7, 9, 3, 4), (2, 5, 6, 11, 13), (1, 8, 8, 8, 3), (1, 13, 1, 4, 2), (3, 6, 5, 6, 10), (1, 40, 3, 2, 3)]

with open(pathlib.Path(__file__).with_name("resize_reference.txt"), "w", encoding="ascii") as out:
    for channels, height, width, new_height, new_width in CASES:
        c, y, x = torch.meshgrid(torch.arange(channels), torch.arange(height), torch.arange(width), indexing="ij")
        image = ((97 * c + 31 * y + 57 * x + 13 * x * y) % 256).to(torch.float32)
        resized = torch.nn.functional.interpolate(image[None], size=(new_height, new_width), mode="bilinear",
                                                  align_corners=False, antialias=True)
        print(channels, height, width, new_height, new_width, file=out)
        print(*(f"{value:.5f}" for value in resized.flatten().tolist()), file=out)
