"""Turns the CDNOW purchases that the PyPI package `lifetimes` carries into Segment calls, one JSON object a line.

    python3 -m venv /tmp/cdnow
    /tmp/cdnow/bin/pip install --no-deps lifetimes==0.11.3
    /tmp/cdnow/bin/python config/examples/cdnow_to_events.py > /tmp/cdnow/events.jsonl
    rekindle replay --rules config/examples/cdnow.toml --until 1998-07-01T00:00:00Z /tmp/cdnow/events.jsonl

Only the package's data file is read, none of its code; so `--no-deps` is enough, and no numpy or pandas is needed.
A purchase has a day and no time; all stand at noon. Lines are sorted by time, a day's purchases by customer.
"""

import json
import sys
from importlib.metadata import PackageNotFoundError, distribution


def purchases(path):
    """(day, customer, number in the file, discs, dollars) of every purchase; the file's first line is a header."""
    with open(path, encoding="ascii") as file:
        next(file)
        for number, line in enumerate(filter(str.strip, file), start=1):
            customer, day, discs, dollars = line.split()
            yield f"{day[:4]}-{day[4:6]}-{day[6:]}", customer, number, int(discs), float(dollars)


def call(day, customer, number, discs, dollars):
    return {
        "type": "track",
        "event": "Order Completed",
        "messageId": f"cd{number}",
        "userId": customer,
        "properties": {"total": dollars, "quantity": discs, "currency": "USD"},
        "timestamp": f"{day}T12:00:00.000Z",
    }


def main():
    try:
        package = distribution("lifetimes")
    except PackageNotFoundError:
        sys.exit("the package `lifetimes` is not installed here: pip install --no-deps lifetimes==0.11.3")
    path = package.locate_file("lifetimes/datasets/CDNOW_master.txt")
    for purchase in sorted(purchases(path)):
        print(json.dumps(call(*purchase), separators=(",", ":")))


if __name__ == "__main__":
    main()
