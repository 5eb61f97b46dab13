#!/usr/bin/python3
"""Compares the speed of Slipway's training steps with PyTorch's on this machine.

    apt-get install -y --no-install-recommends python3-torch
    /usr/bin/python3 tools/compare_speed.py [--slipway build/slipway] [--device cpu] [--threads 1 2] [--rounds 3] [--seconds 5]

The two run in turn, A B A B, as other work on the machine comes and goes; each figure is the median of the
rounds. Random data lies in memory; a step is forward, backward and update. PyTorch gets the faster of its two
memory formats. Prints a table in Markdown.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time


def build_model(name, torch):
    """The workloads of `slipway bench`: model, inputs, classes' targets, optimizer."""
    nn = torch.nn

    class Residual(nn.Module):
        def __init__(self, inputs, outputs, stride):
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
                nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs))
            self.shortcut = nn.Identity() if stride == 1 else nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

        def forward(self, x):
            return torch.relu(self.body(x) + self.shortcut(x))

    if name == "mlp":
        model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))
        x = torch.rand(256, 64)
    elif name == "mnist_cnn":
        model = nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
                              nn.Dropout(0.25), nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5),
                              nn.Linear(128, 10))
        x = torch.rand(64, 1, 28, 28)
    else:
        layers = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
        inputs = 64
        for outputs in (64, 64, 128, 128, 256, 256, 512, 512):
            layers.append(Residual(inputs, outputs, 1 if inputs == outputs else 2))
            inputs = outputs
        model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))
        x = torch.rand(32, 3, 32, 32)
    if name == "resnet18_cifar":
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    else:
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, weight_decay=0.1)
    return model, x, torch.randint(10, (len(x),)), optimizer


def measure_pytorch(name, device, threads, seconds):
    import torch
    torch.set_num_threads(threads)
    formats = [torch.contiguous_format] + ([torch.channels_last] if name != "mlp" else [])
    best = None
    for memory_format in formats:
        model, x, y, optimizer = build_model(name, torch)
        if x.dim() == 4:
            model, x = model.to(memory_format=memory_format), x.contiguous(memory_format=memory_format)
        model, x, y = model.to(device), x.to(device), y.to(device)
        times = []
        start = time.perf_counter()
        while len(times) < 5 or time.perf_counter() - start < seconds / len(formats):
            step = time.perf_counter()
            optimizer.zero_grad(set_to_none=True)
            loss = torch.nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            loss.item()
            times.append(time.perf_counter() - step)
        median = statistics.median(times[2:])
        best = median if best is None else min(best, median)
    return {"step_s": best, "parameters": sum(p.numel() for p in model.parameters()),
            "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def run(command):
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def compare(name, threads, args):
    common = ["--device", args.device, "--threads", str(threads), "--seconds", str(args.seconds)]
    ours, theirs = [], []
    for _ in range(args.rounds):
        theirs.append(run([sys.executable, os.path.abspath(__file__), "--pytorch", name] + common))
        ours.append(run([args.slipway, "bench", name] + common))
    assert ours[0]["parameters"] == theirs[0]["parameters"], "the models differ"
    median = lambda runs, key: statistics.median(r[key] for r in runs)
    a, b = median(ours, "step_s"), median(theirs, "step_s")
    memory, their_memory = median(ours, "peak_rss_mb"), median(theirs, "peak_rss_mb")
    ratios = sorted(t["step_s"] / o["step_s"] for o, t in zip(ours, theirs))
    print(f"| {name} | {threads} | {a * 1e3:.2f} | {b * 1e3:.1f} | {b / a:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}) | "
          f"{memory:.0f} | {their_memory:.0f} | {memory / their_memory:.2f} | {median(ours, 'startup_ms'):.0f} | "
          f"{median(ours, 'first_step_ms'):.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slipway", default="build/slipway", help="the program")
    parser.add_argument("--device", default="cpu", help="cpu, or cuda:N")
    parser.add_argument("--workloads", nargs="+", default=["mlp", "mnist_cnn", "resnet18_cifar"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="of each run")
    parser.add_argument("--pytorch", metavar="WORKLOAD", help="measure PyTorch alone and print JSON")
    args = parser.parse_args()
    if args.pytorch:
        print(json.dumps(measure_pytorch(args.pytorch, args.device, args.threads[0], args.seconds)))
        return
    print("| workload | threads | Slipway ms | PyTorch ms | times faster (rounds) | Slipway MB | PyTorch MB | memory | "
          "first step begins ms | ends ms |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in args.workloads:
        for threads in args.threads:
            compare(name, threads, args)


if __name__ == "__main__":
    main()
