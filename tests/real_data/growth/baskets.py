"""Finds with efficient-apriori what is bought together in a file of events, and compares it with Rekindle's rules.

    baskets.py EVENTS BASKETS

EVENTS is a file of events (JSON lines, .zst), BASKETS what `rekindle growth baskets --of orders --json` said of it, of all
pairs whatever their odds. The library has a rule each way for what is one pair here. Says what differs; exit code 1 if
anything does. Where the counts are exact they must be equal, and what follows from them to
the last bits; where there was no room for all, no count may be too low by more than was said, and none too high.
"""

import json
import math
import sys
from fractions import Fraction

import duckdb
from efficient_apriori import apriori

events_file, baskets_file = sys.argv[1:3]
output = json.load(open(baskets_file))
[orders] = output["baskets"]

# A user's orders with the same id are one, the first.
rows = duckdb.sql(f"""
select json_extract_string(products, '$[*].product_id') from (
  select properties->'products' as products, pos, row_number() over (
      partition by coalesce("userId", "anonymousId"), coalesce(properties->>'order_id', pos::varchar) order by pos) as copy
    from (select *, row_number() over () as pos
      from read_json('{events_file}', format = 'newline_delimited', compression = 'zstd',
        maximum_object_size = 16777216,
        columns = {{type: 'varchar', event: 'varchar', "userId": 'varchar', "anonymousId": 'varchar', properties: 'json'}})
      where type = 'track' and event = 'Order Completed')) where copy = 1 order by pos""").fetchall()
baskets = [items for (items,) in rows if items]
items, rules = apriori(baskets, min_support=output["min_support"], min_confidence=0.0, max_length=2)

mistakes = []


def compare(what, ours, theirs):
    if ours != theirs and not (isinstance(ours, float) and math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-300)):
        mistakes.append(f"{what}: {ours}, and the library says {theirs}")


compare("baskets", orders["baskets"], len(baskets))
compare("different items", orders["items"], len({item for basket in baskets for item in basket}))
ours = {(rule["item"], rule["with"]): rule for rule in orders["rules"]}
theirs = {(rule.lhs[0], rule.rhs[0]): rule for rule in rules if len(rule.lhs) == len(rule.rhs) == 1}
pairs_error, items_error = orders["pairs_error"], orders["items_error"]
least = output["min_support"] * len(baskets)
for pair in ours.keys() - theirs.keys():
    mistakes.append(f"{pair}: the library does not have it")
for pair in theirs.keys() - ours.keys() - {(b, a) for a, b in ours}:
    if theirs[pair].count_full - pairs_error >= least:
        mistakes.append(f"{pair}: only the library has it, in {theirs[pair].count_full} baskets")


def within(what, ours, theirs, error):
    if not ours <= theirs <= ours + error:
        mistakes.append(f"{what}: {ours}, too low by at most {error}, and the library says {theirs}")


if any((b, a) in ours for a, b in ours):
    mistakes.append("a pair is listed twice")


def by_chance(all_, a, b, both):
    """Fisher's exact test, in whole numbers."""
    ways = sum(math.comb(a, j) * math.comb(all_ - a, b - j) for j in range(both, min(a, b) + 1))
    return float(Fraction(ways, math.comb(all_, b)))


for at, pair in enumerate(sorted(ours.keys() & theirs.keys())):
    rule, other = ours[pair], theirs[pair]
    within(f"{pair} both", rule["both"], other.count_full, pairs_error)
    within(f"{pair} first", rule["item_baskets"], other.count_lhs, items_error)
    within(f"{pair} second", rule["with_baskets"], other.count_rhs, items_error)
    if pairs_error == items_error == 0:
        compare(f"{pair} support", rule["support"], other.support)
        compare(f"{pair} confidence", rule["confidence"], other.confidence)
        compare(f"{pair} lift", rule["lift"], other.lift)
        compare(f"{pair} reverse confidence", rule["reverse_confidence"], theirs[pair[::-1]].confidence)
        if at % 40 == 0:
            odds = by_chance(len(baskets), other.count_lhs, other.count_rhs, other.count_full)
            compare(f"{pair} odds", rule["p_value"], odds)

print("\n".join(mistakes[:50]) if mistakes else f"{len(ours)} pairs agree")
sys.exit(bool(mistakes))
