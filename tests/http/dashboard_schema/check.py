"""Reads dashboards by Grafana's published schema (the models of grafana-foundation-sdk, which are made of it), and writes
them again.

    check.py DASHBOARD…

Whatever a dashboard says and the schema has no place for, is an error: what was read must come out again, panel options,
field options and queries included. So is a value that is not of the kind that the schema says. Annotations may say more than the schema of dashboards has: there
stands what their data source wants to know.
"""

import enum
import json
import re
import sys
import types
import typing

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

# What the Prometheus data source reads of an annotation.
ANNOTATION = re.compile(r"\.annotations\.list\[\d+\]\.(titleFormat|textFormat)$")

register_default_plugins()
mistakes, values = [], 0


def compare(ours, theirs, at):
    """Whether all that is in ours is in theirs, at the same place."""
    global values
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            if key in theirs:
                compare(value, theirs[key], f"{at}.{key}")
            elif value is not None and not ANNOTATION.search(f"{at}.{key}"):
                mistakes.append(f"{at}.{key}: the schema knows of no such")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for number, (one, other) in enumerate(zip(ours, theirs)):
            compare(one, other, f"{at}[{number}]")
    else:
        values += 1
        if ours != theirs:
            mistakes.append(f"{at}: {ours!r} was read as {theirs!r}")


def fits(value, kind):
    """Whether a value is of the kind that the schema says; a list of what is not, from the inside out."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind in (typing.Any, object):
        return []
    if origin in (typing.Union, types.UnionType):
        all_wrong = [fits(value, one) for one in args if one is not type(None)]
        return [] if value is None and type(None) in args or [] in all_wrong else min(all_wrong, key=len)
    if origin is typing.Literal:
        return [] if value in args else [f"{value!r} is none of {args}"]
    if origin is list:
        is_list = isinstance(value, list)
        return [wrong for item in value for wrong in fits(item, args[0])] if is_list else [f"{value!r} is no list"]
    if origin is dict:
        is_dict = isinstance(value, dict)
        return [wrong for item in value.values() for wrong in fits(item, args[1])] if is_dict else [f"{value!r} is no map"]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        known = [one.value for one in kind]
        return [] if value in known else [f"{value!r} is none of {known}"]
    if isinstance(value, dict) and hasattr(kind, "from_json"):
        value = kind.from_json(value)
    if not isinstance(value, (int, float) if kind is float else kind) or isinstance(value, bool) and kind is not bool:
        return [f"{value!r} is no {kind.__name__}"]
    if kind.__module__.startswith("grafana_foundation_sdk") and not getattr(kind, "_is_protocol", False):
        hints = typing.get_type_hints(type(value))
        return [f"{name}: {wrong}" for name, hint in hints.items() for wrong in fits(getattr(value, name), hint)]
    return []


for path in sys.argv[1:]:
    with open(path) as file:
        ours = json.load(file)
    try:
        read = Dashboard.from_json(ours)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        mistakes.append(f"{path}: {error!r}")
    else:
        compare(ours, json.loads(json.dumps(read, cls=JSONEncoder)), path)
        mistakes.extend(f"{path}: {wrong}" for wrong in fits(read, Dashboard))

print("\n".join(mistakes) if mistakes else f"{values} values agree with the schema")
sys.exit(bool(mistakes))
