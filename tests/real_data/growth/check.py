"""Computes the growth numbers of a file of events once more, in SQL, and compares them with Rekindle's.

    check.py EVENTS NUMBERS RULES

EVENTS is a file of events (JSON lines, .zst), NUMBERS what `rekindle growth numbers --json` said of it, RULES its rules
file. Says what differs; exit code 1 if anything does. Every figure must be equal, to the millionth; the medians of
times, which Rekindle tells to 6.25 %, within that.
"""

import json
import sys
import tomllib
from fractions import Fraction

import duckdb

events_file, numbers_file, rules_file = sys.argv[1:4]
numbers = json.load(open(numbers_file))
rules = tomllib.load(open(rules_file, "rb"))
growth = rules["growth"]
zone = numbers["timezone"]
gap = {"30m": 30, "2h": 120}[growth.get("session_gap", "30m")]
coupon = growth.get("coupon", "coupon")
channels = {
    "search": ["google", "bing", "duckduckgo", "yahoo", "baidu", "yandex", "ecosia"],
    "social": ["facebook", "instagram", "tiktok", "twitter", "x", "linkedin", "pinterest", "reddit", "youtube"],
    "email": ["email", "e-mail", "newsletter", "klaviyo", "mailchimp"],
    "ads": ["adwords", "google_ads", "facebook_ads", "criteo", "taboola"],
}
channels = {name: [word.lower() for word in words] for name, words in growth.get("channels", channels).items()}
order = [*channels, "direct", "other"]
if numbers["channels"] != order:
    sys.exit(f"the channels are {numbers['channels']}, not {order}")

sql = duckdb.connect()
sql.execute(f"SET TimeZone = '{zone}'")


def kind(name):
    """The condition that an event has a name of the rules."""
    named = rules["events"].get(name)
    if named is None:
        return "false"
    if isinstance(named, str):
        return f"event = '{named}'"
    assert named["where"] == "has(properties.total)"
    return f"event = '{named['event']}' and properties->>'total' is not null"


# ── The events, each with its user, its business day, its channel and its session ───────────────────────────────
# The longest source decides, and of equally long ones the channel that stands first.
sources = [(word, at) for at, words in enumerate(channels.values()) for word in words]
sources.sort(key=lambda source: (-len(source[0]), source[1]))
fits = " ".join(f"when contains('.' || source || '.', '.{word}.') then {at}" for word, at in sources)
sql.execute(f"""
create table raw as select row_number() over () as pos, coalesce("userId", "anonymousId") as uid, "userId" is not null as known,
    type, event, properties::json as properties, timestamp::timestamptz as ts, lower(context->'campaign'->>'source') as source
  from read_json('{events_file}', format = 'newline_delimited', compression = 'zstd', maximum_object_size = 16777216,
    columns = {{type: 'varchar', event: 'varchar', "userId": 'varchar', "anonymousId": 'varchar', properties: 'json',
                context: 'json', timestamp: 'varchar'}});
create table touches as select uid,
    case when source is null or source in ('(direct)', 'direct', '$direct', '(none)', '(not set)') then {len(channels)}
    {fits} else {len(channels) + 1} end as channel
  from (select uid, arg_min(source, pos) filter (where pos = first) as source
    from (select *, min(pos) over (partition by uid) as first from raw) group by uid);
create table ev as select *, sum(begins) over (partition by uid order by pos) as session from (
    select raw.*, channel, ts::date as day,
      coalesce(ts > lag(ts) over (partition by uid order by pos) + interval {gap} minute, true)::int as begins
    from raw join touches using (uid));
create table sessions as select uid, session, channel, min(day) as day, min(pos) as pos,
    bool_or({kind('cart')}) as cart, bool_or({kind('checkout')}) as checkout,
    min(pos) filter (where {kind('cart')}) as cart_pos from ev group by all;
create table orders as select * from (select *, round_even((properties->>'total')::double * 1e6, 0)::hugeint as value,
      round_even(coalesce((properties->>'discount')::double, 0) * 1e6, 0)::hugeint as discount,
      coalesce(properties->>'{coupon}', '') not in ('', '0', '0.0') as coupon, properties->>'category' as category,
      row_number() over (partition by uid, coalesce(properties->>'order_id', pos::varchar) order by pos) as copy
    from ev where {kind('order')}) where copy = 1;
create table numbered as select *, row_number() over (partition by uid order by ts, pos) as n from orders;
create table refunds as select *, round_even((properties->>'total')::double * 1e6, 0)::hugeint as value
  from ev where {kind('refund')};
create table first as select uid, channel, min(day) as first from ev group by all;
create table active as select distinct uid, channel, day from ev;
create table bought as select distinct uid, channel, day from orders;
""")

# ── Every count by day and channel ──────────────────────────────────────────────────────────────────────────────
spread = "(select uid, channel, unnest(range(0, {days}))::int as after, day from {table})"


def within(table, days):
    return (
        f"select (day + after)::date, channel, count(distinct uid) from {spread.format(table=table, days=days)}"
        " group by all"
    )


by_day = {
    "new_users": "select first, channel, count(*) from first group by all",
    "sign_ups": "select day, channel, count(*) from (select uid, channel, min(day) as day from ev where type = 'identify' and known group by all) group by all",
    "active": "select day, channel, count(*) from active group by all",
    "active_7d": within("active", 7),
    "active_30d": within("active", 30),
    "sessions": "select day, channel, count(*) from sessions group by all",
    "cart_sessions": "select day, channel, count(*) from sessions where cart group by all",
    "checkout_sessions": "select day, channel, count(*) from sessions where checkout group by all",
    "cart_order_sessions": "select s.day, s.channel, count(*) from sessions s where exists (select 1 from orders o where o.uid = s.uid and o.session = s.session and o.pos >= s.cart_pos) group by all",
    "buyers": "select day, channel, count(*) from bought group by all",
    "buyers_7d": within("bought", 7),
    "buyers_30d": within("bought", 30),
    "new_buyers": "select day, channel, count(*) from numbered where n = 1 group by all",
    "repeat_buyers": "select day, channel, count(*) from numbered where n = 2 group by all",
    "orders": "select day, channel, count(*) from orders group by all",
    "coupon_orders": "select day, channel, count(*) from orders where coupon group by all",
    "refunds": "select day, channel, count(*) from refunds group by all",
    "gmv": "select day, channel, sum(value) from orders group by all",
    "gmv_new": "select day, channel, sum(value) from numbered where n = 1 group by all",
    "refunded": "select day, channel, sum(value) from refunds group by all",
    "discount": "select day, channel, sum(discount) from orders group by all",
}
money = {"gmv", "gmv_new", "refunded", "discount"}
checked, differences = 0, []


def compare(what, found, expected):
    global checked
    checked += 1
    if found != expected:
        differences.append(f"{what}: Rekindle says {found}, SQL says {expected}")


def shown(name, value):
    return round(value * 1e6) if name in money else value


days = [day["day"] for day in numbers["days"]]
today = numbers["today"]
for name, query in by_day.items():
    found = {}
    for day in numbers["days"]:
        for at, tally in enumerate(day["by_channel"]):
            if tally[name]:
                found[(day["day"], at)] = shown(name, tally[name])
        parts = sum(shown(name, tally[name]) for tally in day["by_channel"])
        compare(f"{name} of all channels on {day['day']}", shown(name, day["all"][name]), parts)
    rows = sql.execute(query).fetchall()
    expected = {(str(day), at): int(n) for day, at, n in rows if n and str(day) in set(days)}
    compare(f"days of {name}", set(found) - set(expected), set())
    for key, n in expected.items():
        compare(f"{name} {key}", found.get(key, 0), n)
first_day = sql.execute(f"select greatest(min(day), date '{today}' - 399) from ev").fetchone()[0]
compare("the first day", days[0], str(first_day))
compare("the last day", days[-1], str(sql.execute("select max(day) from ev").fetchone()[0]))
compare("users", numbers["days"][-1]["known_users"], sql.execute("select count(*) from first").fetchone()[0])
compare("buyers", numbers["days"][-1]["known_buyers"], sql.execute("select count(distinct uid) from orders").fetchone()[0])
repeat = numbers["days"][-1]["known_repeat_buyers"]
compare("repeat buyers", repeat, sql.execute("select count(*) from numbered where n = 2").fetchone()[0])

# ── The retention triangles, by day and by week ────────────────────────────────────────────────────────────────
triangles = {
    "days": ("first", "(day - first)", 30, 1),
    "weeks": ("date_trunc('week', first)::date", "((date_trunc('week', day)::date - date_trunc('week', first)::date) // 7)", 4, 7),
}
last_complete = sql.execute(f"select (date '{today}' - 1)::date").fetchone()[0]
for name, (start, after, most, length) in triangles.items():
    rows = sql.execute(f"""select {start}, {after}::int as after, channel, count(distinct uid)
        from active join first using (uid, channel) where {after} <= {most} group by all""").fetchall()
    expected = {}
    for cohort, k, at, n in rows:
        if (last_complete - cohort).days >= 399:
            continue
        if k == 0 or (last_complete - cohort).days >= (k + 1) * length - 1:
            expected[(str(cohort), k, at)] = n
    found = {
        (cohort["start"], k, at): n
        for cohort in numbers["retention"][name]
        for at, one in enumerate(cohort["by_channel"])
        for k, n in enumerate(one)
        if n
    }
    compare(f"retention by {name}", {k: v for k, v in found.items() if expected.get(k) != v}, {})
    compare(f"retention by {name}, missing", {k: v for k, v in expected.items() if k not in found}, {})
    checked += len(expected)
for k in (1, 7, 30):
    users, back = sql.execute(f"""select count(*), count(*) filter (where exists (select 1 from active a
        where a.uid = f.uid and a.day = f.first + {k})) from first f
        where first between date '{today}' - {k + 30} and date '{today}' - {k + 1}""").fetchone()
    rate = numbers["retention"][f"day_{k}"]
    compare(f"day-{k} retention", (rate["part"], rate["whole"]), (back, users))

# ── Funnels: each event of a step belongs to the latest one of the step before ─────────────────────────────────
spans = {"1d": 86_400_000, "30d": 30 * 86_400_000, "60d": 60 * 86_400_000, "2h": 7_200_000}
for funnel, rule in zip(numbers["funnels"], rules["funnels"]):
    sql.execute(f"create or replace table reached as select uid, channel, pos, ts, ts as start, null::double as took from ev where {kind(rule['steps'][0])}")
    sql.execute(f"create or replace table depth as select uid, session, min(pos) as pos from ev where {kind(rule['steps'][0])} group by all")
    for step, name in enumerate(rule["steps"]):
        if step > 0:
            sql.execute(f"""create or replace table reached as select e.uid, e.channel, e.pos, e.ts, r.start,
                epoch_ms(e.ts) - epoch_ms(r.ts) as took from ev e asof join reached r on e.uid = r.uid and e.pos > r.pos
                where {kind(name)} and epoch_ms(e.ts) - epoch_ms(r.start) <= {spans[rule["within"]]}""")
            sql.execute(f"""create or replace table depth as select e.uid, e.session, min(e.pos) as pos from ev e join depth d
                on e.uid = d.uid and e.session = d.session and e.pos > d.pos where {kind(name)} group by all""")
        users = dict(sql.execute("select start::date::varchar, count(distinct uid) from reached group by all").fetchall())
        sessions = dict(sql.execute("select s.day::varchar, count(*) from depth join sessions s using (uid, session) group by all").fetchall())
        label = f"funnel {funnel['id']}, step {step + 1}"
        for day in funnel["days"]:
            compare(f"{label}, users on {day['day']}", day["users"][step], users.get(day["day"], 0))
            compare(f"{label}, sessions on {day['day']}", day["sessions"][step], sessions.get(day["day"], 0))
        month = f"between date '{today}' - 30 and date '{today}' - 1"
        # People: each once, on however many days they began.
        people = sql.execute(f"select count(distinct uid) from reached where start::date {month}").fetchone()[0]
        compare(f"{label}, people", funnel["steps"][step]["users"], people)
        by_channel = dict(sql.execute(f"select channel, count(distinct uid) from reached where start::date {month} group by all").fetchall())
        compare(f"{label}, by channel", funnel["steps"][step]["users_by_channel"], [by_channel.get(at, 0) for at in range(len(order))])
        times = [row[0] for row in sql.execute(f"""select arg_min(took, pos) from reached where start::date {month} and took is not null
            group by uid, start::date""").fetchall()]
        reported = funnel["steps"][step]["median_ms"]
        if not times:
            compare(f"{label}, median", reported, None)
        else:
            median = sorted(times)[(len(times) + 1) // 2 - 1]
            near = abs(reported - median) <= max(median * 0.0625, 1_000)
            compare(f"{label}, median near {median}", near or reported, True)

# ── Hours, categories, and the sums of 30 days ───────────────────────────────────────────────────
hours = {
    "events": "select strftime(ts, '%Y-%m-%dT%H'), count(*) from ev group by all",
    "sessions": "select strftime(ts, '%Y-%m-%dT%H'), count(*) from ev where begins = 1 group by all",
    "orders": "select strftime(ts, '%Y-%m-%dT%H'), count(*) from orders group by all",
    "gmv": "select strftime(ts, '%Y-%m-%dT%H'), sum(value) from orders group by all",
}
for name, query in hours.items():
    expected = {hour: int(n) for hour, n in sql.execute(query).fetchall() if n and hour[:10] >= days[0]}
    found = {hour["hour"]: shown(name, hour[name]) for hour in numbers["hours"] if hour[name]}
    compare(f"{name} by hour", {k: v for k, v in found.items() if expected.get(k) != v}, {})
    compare(f"{name} by hour, missing", {k: v for k, v in expected.items() if k not in found}, {})
    checked += len(expected)
def decimal(value):
    """A number in millionths, as a fraction that is rounded half to even; whatever is none, or below 0, is 0."""
    try:
        number = Fraction(str(value)) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else Fraction(0)
    except ValueError:
        number = Fraction(0)
    return max(round(number * 1_000_000), 0)


def half_up(fraction):
    return (fraction.numerator * 2 + fraction.denominator) // (fraction.denominator * 2)


def split(value, products):
    """An order's value by the categories of its products, by price x quantity, to the millionth: largest remainders."""
    lines = [one for one in products if isinstance(one, dict)][:1000]
    category = lambda line: line.get("category") if isinstance(line.get("category"), str) else ""
    quantity = lambda line: decimal(line["quantity"]) if "quantity" in line else 1_000_000
    price = lambda line: decimal(line.get("price", 0))
    weighing = [lambda line: half_up(Fraction(price(line) * quantity(line), 1_000_000)), quantity, lambda line: 1]
    for weigh in weighing:
        weights = {}
        for line in lines:
            weights[category(line)] = weights.get(category(line), 0) + weigh(line)
        whole = sum(weights.values())
        if whole == 0:
            continue
        parts = {name: value * weight // whole for name, weight in weights.items()}
        by_remainder = sorted(weights, key=lambda name: (-(value * weights[name] % whole), name.encode()))
        for name in by_remainder[: value - sum(parts.values())]:
            parts[name] += 1
        return parts
    return {}


sold = {}
for day, category, products, value in sql.execute(
    "select day::varchar, category, properties->'products', value from orders"
).fetchall():
    parts = {category: int(value)} if category else split(int(value), json.loads(products or "[]") or [])
    for name, part in parts.items():
        if name:
            orders, sum_of = sold.setdefault(day, {}).get(name, (0, 0))
            sold[day][name] = (orders + 1, sum_of + part)
for day in numbers["days"]:
    found = {one["category"]: (one["orders"], round(one["gmv"] * 1e6)) for one in day["categories"]}
    expected = sold.get(day["day"], {})
    if len(expected) <= 192:
        compare(f"categories on {day['day']}", found, expected)
month = f"day between date '{today}' - 30 and date '{today}' - 1"
all_sales = numbers["commerce"]["all"]
n, value, discount, buyers = sql.execute(f"select count(*), coalesce(sum(value), 0), coalesce(sum(discount), 0), count(distinct uid) from orders where {month}").fetchone()
refunded = sql.execute(f"select coalesce(sum(value), 0) from refunds where {month}").fetchone()[0]
visitors = sql.execute(f"select count(distinct uid) from active where {month}").fetchone()[0]
compare("orders of 30 days", all_sales["orders"], n)
compare("GMV of 30 days", round(all_sales["gmv"] * 1e6), int(value))
revenue = all_sales["revenue"]
compare("revenue of 30 days", revenue and round(revenue * 1e6), int(value - refunded) if "refund" in rules["events"] else None)
compare("AOV", all_sales["aov"] and round(all_sales["aov"] * 1e6), (2 * int(value) + n) // (2 * n) if n else None)
compare("discounts of 30 days", round(all_sales["discount"] * 1e6), int(discount))
compare("buyers of 30 days", all_sales["buyers"], buyers)
compare("conversion", all_sales["conversion"]["whole"], visitors)
for target in numbers["targets"]:
    column = {"orders": "count(*)", "gmv": "sum(value)"}[target["metric"]]
    reached = sql.execute(f"select coalesce({column}, 0) from orders where day >= '{target['period_starts']}'").fetchone()[0]
    in_millionths = target["metric"] == "gmv"
    compare(f"target {target['id']}", round(target["reached"] * 1e6) if in_millionths else target["reached"], int(reached))
for promotion in numbers["promotions"]:
    for part, (a, b) in {"before": (-1, 0), "during": (0, 1), "after": (1, 2)}.items():
        for label, week in (("now", 0), ("week_earlier", 7)):
            starts, ends = (f"timestamp '{promotion[edge]}:00:00'" for edge in ("starts", "ends"))
            span = f"({ends} - {starts})"
            local = f"(ts at time zone '{zone}')"
            row = sql.execute(f"""select count(*), coalesce(sum(value), 0) from orders where
                {local} >= {starts} + {a} * {span} - interval {week} day and {local} < {starts} + {b} * {span} - interval {week} day""").fetchone()
            found = promotion[part][label]
            compare(f"promotion {promotion['id']} {part}, hours", promotion[part]["hours"], promotion[part]["of_hours"])
            compare(f"promotion {promotion['id']} {part} {label}", (found["orders"], round(found["gmv"] * 1e6)), (row[0], int(row[1])))

print(f"{checked} figures compared, {len(differences)} differ")
for difference in differences[:40]:
    print("  " + difference[:400])
sys.exit(1 if differences else 0)
