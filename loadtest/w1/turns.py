"""Runs commands in turns, round after round, and divides only what stood side by side in a round.

    python3 loadtest/w1/turns.py --events 4646444 --rounds 5 \\
        rekindle='target/release/rekindle replay -q --rules … --output /dev/null w1.jsonl' other='…'

A command is named, and runs in a shell; what it prints is let go, and its end with another code than 0 ends all. Processor
seconds are of the command with all that it started. The first is what the others are compared with: a ratio is the median, least
and most over the rounds of (events per processor second of the first) / (those of the other) within the same round.
"""

import argparse
import os
import subprocess
import sys
import time
from statistics import median


def measured(command):
    """Wall seconds, processor seconds and the largest resident size in MB of one run."""
    began = time.monotonic()
    process = subprocess.Popen(["sh", "-c", command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"this ended with code {os.waitstatus_to_exitcode(status)}: {command}")
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def named(text):
    name, equals, command = text.partition("=")
    if not (name and equals and command):
        raise argparse.ArgumentTypeError("write NAME=COMMAND")
    return name, command


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, required=True, help="how many events each goes through")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("commands", type=named, nargs="+", metavar="NAME=COMMAND")
    args = parser.parse_args()

    runs = {name: [] for name, _ in args.commands}
    for number in range(args.rounds):
        for name, command in args.commands:
            runs[name].append(measured(command))
            wall, processor, size = runs[name][-1]
            print(f"round {number + 1}  {name:<12} {wall:8.2f} s  {processor:8.2f} CPU s  {size:8.0f} MB", flush=True)

    print(f"\n{os.cpu_count()} cores, load average {' '.join(f'{load:.2f}' for load in os.getloadavg())}")
    first = args.commands[0][0]
    print(f"| | wall s | CPU s | events per CPU s | MB | {first} / it, per CPU s (least, most) |\n|---|---|---|---|---|---|")
    for name, results in runs.items():
        walls, processors, sizes = zip(*results)
        ratios = [max(other, 1e-3) / max(own, 1e-3) for (_, own, _), (_, other, _) in zip(runs[first], results)]
        rate = args.events / max(median(processors), 1e-3)
        print(
            f"| {name} | {median(walls):.2f} | {median(processors):.2f} | {rate:,.0f} | {median(sizes):.0f} "
            f"| {median(ratios):.2f} ({min(ratios):.2f}, {max(ratios):.2f}) |"
        )


if __name__ == "__main__":
    main()
