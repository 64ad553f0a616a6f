"""One user's events, and what can be asked about them: the functions of the rules language, each a scan of the list."""

import math
from collections import defaultdict
from decimal import ROUND_HALF_EVEN, Decimal

NEVER = math.inf


def millionths(number):
    """A number as whole millionths, half to even, as it enters the engine's state."""
    return int((Decimal(number) * 1_000_000).to_integral_value(ROUND_HALF_EVEN))


class User:
    """All events of one user, in order of arrival."""

    def __init__(self):
        self.tracks = defaultdict(list)
        self.pages = []
        self.traits = {}
        self.all_times = []
        self.now = None

    def add(self, time, call, event, properties, context, traits):
        self.all_times.append(time)
        if call == "track":
            self.tracks[event].append((time, properties))
        elif call == "page":
            self.pages.append((time, properties.get("path"), context.get("channel")))
        elif call == "identify":
            self.traits |= traits

    @property
    def first(self):
        return min(self.all_times)

    def idle(self):
        return self.now - max(self.all_times)

    def age(self):
        return self.now - self.first

    def inside(self, time, window):
        pane = max(1, -(-window // 60))
        panes = -(-window // pane)
        return self.now // pane - panes < time // pane <= self.now // pane

    def properties(self, name, window=None, where=lambda p: True):
        events = self.tracks.get(name, ())
        return [p for time, p in events if (window is None or self.inside(time, window)) and where(p)]

    def count(self, name, window=None, where=lambda p: True):
        return len(self.properties(name, window, where))

    def values(self, name, key, window=None):
        """Numbers, in millionths."""
        return [millionths(p[key]) for p in self.properties(name, window) if p.get(key) is not None]

    def spent(self, amount, name="Order Completed", key="total", window=None):
        return sum(self.values(name, key, window)) >= millionths(amount)

    def distinct(self, name, key, window=None):
        return len({p[key] for p in self.properties(name, window) if p.get(key) is not None})

    def average(self, name, key, window):
        values = self.values(name, key, window)
        return sum(values) / len(values) / 1e6 if values else -NEVER

    def times(self, name):
        return self.all_times if name is None else [time for time, _ in self.tracks.get(name, ())]

    def since(self, name):
        return self.now - max(self.times(name)) if self.tracks.get(name) else NEVER

    def pages_in(self, window):
        return sum(self.inside(time, window) for time, _, _ in self.pages)
