"""Computes, in plain Python, what the engine must find in the real data sets; prints expected.json.

    python3 tests/real_data/totals.py [FOLDER] > tests/real_data/expected.json

FOLDER holds one folder per data set (default: $REKINDLE_DATA, else ../shared/data beside the repository). Needs the
standard library and the `zstd` command. Nothing here is shared with the engine: conditions are written out once more,
over each user's full list of events. Money is counted in whole millionths. Members are given as their number and the
CRC-32 of their sorted ids, joined by newlines: enough to compare, and nobody's id.
"""

import json
import os
import subprocess
import sys
import zlib
from collections import Counter, defaultdict
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from conditions import DATA_SETS
from user import User, millionths

DEDUP_MS = 600_000
MAX_DISORDER_MS = 5_000


def milliseconds(text):
    """RFC 3339 to milliseconds since 1970, in integers all the way."""
    time = datetime.fromisoformat(text)
    whole = datetime(1970, 1, 1, tzinfo=time.tzinfo)
    delta = time - whole
    return (delta.days * 86_400 + delta.seconds) * 1_000 + delta.microseconds // 1_000


def lines(path):
    with subprocess.Popen(["zstd", "-dcq", str(path)], stdout=subprocess.PIPE) as process:
        yield from process.stdout
    if process.returncode:
        sys.exit(f"zstd could not read {path}")


def slim(properties):
    """Lists of products are not read by any rule; without them, a data set fits into memory."""
    return {key: value for key, value in properties.items() if not isinstance(value, (list, dict))}


class Reader:
    """Reads one file as the engine does: rejects, finds what is late or a duplicate, and sorts the rest by user."""

    def __init__(self, until):
        self.until = until
        self.counts = Counter()
        self.calls = Counter()
        self.tracked = Counter()
        self.users = defaultdict(User)
        self.accepted = {}
        self.latest = None

    def read(self, raw):
        self.counts["lines"] += 1
        event = json.loads(raw, parse_float=Decimal)
        user, stamp = event.get("userId"), event.get("timestamp")
        if not user or not stamp or len(user.encode()) > 256 or milliseconds(stamp) > self.until:
            self.counts["rejected"] += 1
            return
        time = milliseconds(stamp)
        late = self.latest is not None and time < self.latest - MAX_DISORDER_MS
        self.latest = time if self.latest is None else max(time, self.latest)
        key = (user, event.get("messageId"))
        if key[1] is not None and key in self.accepted and time - self.accepted[key] < DEDUP_MS:
            self.counts["duplicates"] += 1
            return
        self.accepted[key] = time
        self.counts["late"] += late
        self.calls[event["type"]] += 1
        if event["type"] == "track":
            self.tracked[event["event"]] += 1
        self.users[user].add(time, event["type"], event.get("event"), slim(event.get("properties", {})),
                             event.get("context", {}), event.get("traits", {}))


def checksum(members):
    return zlib.crc32("\n".join(sorted(members)).encode())


def segments_of(data_set, users, until):
    """Members at `until` of every segment that conditions.py has, and how often a silence began and ended."""
    members = defaultdict(list)
    enters, exits = Counter(), Counter()
    for name, user in users.items():
        user.now = until
        for segment, holds in data_set["segments"].items():
            if holds(user):
                members[segment].append(name)
        for segment, (events, least) in data_set["silences"].items():
            times = user.times(events)
            # Two events exactly `least` apart: the silence is due first, and at the same instant it ends.
            broken = sum(after - before >= least for before, after in zip(times, times[1:]))
            exits[segment] += broken
            enters[segment] += broken + bool(times and until - times[-1] >= least)
    result = {}
    for segment in data_set["segments"]:
        entry = {"members": len(members[segment]), "crc32": checksum(members[segment])}
        if segment in data_set["silences"]:
            entry |= {"enter": enters[segment], "exit": exits[segment]}
        elif segment in data_set["once"]:
            entry |= {"enter": len(members[segment]), "exit": 0}
        result[segment] = entry
    return result


def ledger_of(users):
    """What every user spent, got back and ordered, over all time."""
    total = lambda name, key: sum(millionths(p[key]) for u in users.values() for p in u.properties(name) if key in p)
    buyers = [name for name, user in users.items() if user.count("Order Completed")]
    return {
        "buyers": len(buyers),
        "buyers_crc32": checksum(buyers),
        "orders": sum(user.count("Order Completed") for user in users.values()),
        "revenue_millionths": total("Order Completed", "total"),
        "refunded_millionths": total("Order Refunded", "total"),
    }


def first_year_of(users, until):
    """The statement each user gets 365 days after the first event: what came before that instant, and only that."""
    year, statements, orders, revenue = 365 * 86_400_000, 0, 0, 0
    for user in users.values():
        end = user.first + year
        if end <= until:
            paid = [p["total"] for time, p in user.tracks["Order Completed"] if time < end]
            statements, orders, revenue = statements + 1, orders + len(paid), revenue + sum(map(millionths, paid))
    return {"statements": statements, "orders": orders, "revenue_millionths": revenue}


def cut_of(folder, data_set, until):
    """What a replay that ends before the file does accepts; the rest is rejected, for lying after `--until`."""
    times = [milliseconds(json.loads(raw)["timestamp"]) for raw in lines(folder / data_set["file"])]
    accepted = sum(time <= milliseconds(until) for time in times)
    return {"until": until, "accepted": accepted, "rejected": len(times) - accepted}


def totals(folder, data_set):
    until = milliseconds(data_set["until"])
    reader = Reader(until)
    for raw in lines(folder / data_set["file"]):
        reader.read(raw)
    users = reader.users
    names = {name: sum(map(user_count, users.values())) for name, user_count in data_set["names"].items()}
    result = {
        "rules": data_set["rules"],
        "file": data_set["file"],
        "until": data_set["until"],
        "lines": reader.counts["lines"],
        "rejected": reader.counts["rejected"],
        "duplicates": reader.counts["duplicates"],
        "late": reader.counts["late"],
        "calls": dict(sorted(reader.calls.items())),
        "tracked": dict(sorted(reader.tracked.items())),
        "events_by_name": names,
        "users": len(users),
        "ledger": ledger_of(users),
        "segments": segments_of(data_set, users, until),
    }
    if data_set["rules"] == "cdnow.toml":
        result["first_year"] = first_year_of(users, until)
        result["cut"] = cut_of(folder, data_set, "1997-06-30T12:00:00Z")
    return result


if __name__ == "__main__":
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("REKINDLE_DATA", beside))
    expected = {name: totals(folder, data_set) for name, data_set in DATA_SETS.items()}
    print(json.dumps(expected, indent=1))
