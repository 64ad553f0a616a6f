"""The rules of config/examples once more, as plain conditions over the full list of a user's events.

Each restates the segment of the same name in the rules file. Windows follow their definition by panes (a pane is a 60th
of the window, rounded up; a window is the current pane and those before it), which `User.inside` writes out.
"""

from user import NEVER, millionths

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
ORDER, REFUND, VIEW, CART, REMOVED = (
    "Order Completed", "Order Refunded", "Product Viewed", "Product Added", "Product Removed")
CHECKOUT, STEP, RECEIVED, REDEEMED = (
    "Checkout Started", "Checkout Step Completed", "Campaign Received", "Coupon Applied")


def within(least, value, below):
    return least <= value < below


def latest(user, name, key):
    return user.tracks[name][-1][1].get(key) if user.tracks.get(name) else None


def tracks(name, where=lambda p: True):
    return lambda user: user.count(name, where=where)


def paths(where):
    return lambda user: sum(where(path, channel) for _, path, channel in user.pages)


free = lambda p: p["total"] == 0
over = lambda amount: lambda p: p["total"] >= amount
paid = lambda p: p.get("total") is not None
couponed = lambda p: p["coupon_discount"] > 0
abroad = lambda p: p["country"] != "United Kingdom"
apparel = lambda p: p.get("category", "").startswith("Home/Apparel")
smartphone = lambda p: p.get("category") == "electronics.smartphone"
apple = lambda p: p.get("brand") == "apple"
ADS = ("Paid Search", "Display", "Affiliates")

CDNOW = {
    "rules": "cdnow.toml",
    "file": "cdnow/events.jsonl.zst",
    "until": "1998-07-01T00:00:00Z",
    "names": {
        "order": tracks(ORDER),
        "free_order": tracks(ORDER, free),
        "large_order": tracks(ORDER, over(100)),
    },
    "silences": {"dormant": (None, 90 * DAY), "churned": (None, 180 * DAY)},
    "once": ["customer", "repeat_buyer", "spent_100", "spent_500", "spent_1000", "collector", "got_a_freebie",
             "one_year_on"],
    "segments": {
        "customer": lambda u: u.count(ORDER) >= 1,
        "repeat_buyer": lambda u: u.count(ORDER) >= 2,
        "spent_100": lambda u: u.spent(100),
        "spent_500": lambda u: u.spent(500),
        "spent_1000": lambda u: u.spent(1000),
        "collector": lambda u: u.spent(30, key="quantity"),
        "got_a_freebie": lambda u: u.count(ORDER, where=free) >= 1,
        "large_order_last_90d": lambda u: u.count(ORDER, 90 * DAY, over(100)) >= 1,
        "steady": lambda u: u.count(ORDER, 180 * DAY) >= 4,
        "spends_now": lambda u: u.spent(100, window=90 * DAY),
        "one_and_done": lambda u: u.count(ORDER) == 1 and u.since(ORDER) >= 30 * DAY,
        "slipping_away": lambda u: u.count(ORDER) >= 2 and within(60 * DAY, u.since(ORDER), 90 * DAY),
        "dormant": lambda u: u.idle() >= 90 * DAY,
        "churned": lambda u: u.idle() >= 180 * DAY,
        "one_year_on": lambda u: u.age() >= 365 * DAY,
    },
}

ONLINE_RETAIL = {
    "rules": "online-retail.toml",
    "file": "online-retail/events.jsonl.zst",
    "until": "2010-12-10T00:00:00Z",
    "names": {
        "order": tracks(ORDER),
        "refund": tracks(REFUND),
        "export_order": tracks(ORDER, abroad),
        "bulk_order": tracks(ORDER, over(1000)),
    },
    "silences": {"dormant": (ORDER, 90 * DAY), "lost": (None, 180 * DAY)},
    "once": ["customer", "repeat_customer", "spent_500", "spent_2000", "export"],
    "segments": {
        "customer": lambda u: u.count(ORDER) >= 1,
        "repeat_customer": lambda u: u.count(ORDER) >= 2,
        "spent_500": lambda u: u.spent(500),
        "spent_2000": lambda u: u.spent(2000),
        "key_account": lambda u: sum(u.values(ORDER, "total")) - sum(u.values(REFUND, "total")) >= millionths(10_000),
        "export": lambda u: u.count(ORDER, where=abroad) >= 1,
        "german": lambda u: latest(u, ORDER, "country") == "Germany",
        "bulk_buyer": lambda u: u.count(ORDER, 90 * DAY, over(1000)) >= 1,
        "regular": lambda u: u.count(ORDER, 90 * DAY) >= 3,
        "quarter_1000": lambda u: u.spent(1000, window=90 * DAY),
        "large_baskets": lambda u: u.average(ORDER, "total", 180 * DAY) >= 500,
        "restock_due": lambda u: u.count(ORDER) >= 3 and within(45 * DAY, u.since(ORDER), 90 * DAY),
        "dormant": lambda u: within(90 * DAY, u.since(ORDER), NEVER),
        "lost": lambda u: u.idle() >= 180 * DAY,
        "refund_only": lambda u: u.count(REFUND) >= 1 and u.count(ORDER) == 0,
        "returns_a_lot": lambda u: u.count(REFUND) >= 3
        and sum(u.values(REFUND, "total")) * 10 > sum(u.values(ORDER, "total")),
        "fresh_refund": lambda u: u.since(REFUND) < 48 * HOUR,
    },
}

COMPLETE_JOURNEY = {
    "rules": "completejourney.toml",
    "file": "completejourney/events.jsonl.zst",
    "until": "2018-01-01T05:00:00Z",
    "names": {
        "order": tracks(ORDER),
        "coupon_order": tracks(ORDER, couponed),
        "weekly_shop": tracks(ORDER, over(50)),
        "received": tracks(RECEIVED),
        "received_a": tracks(RECEIVED, lambda p: p["kind"] == "Type A"),
        "redeemed": tracks(REDEEMED),
    },
    "silences": {"dormant": (ORDER, 28 * DAY), "churned": (ORDER, 91 * DAY)},
    "once": ["shopper", "spent_1000", "spent_5000", "bargain_hunter", "known_household", "with_kids", "seniors",
             "targeted", "redeemer", "coupon_lover"],
    "segments": {
        "shopper": lambda u: u.count(ORDER) >= 1,
        "spent_1000": lambda u: u.spent(1000),
        "spent_5000": lambda u: u.spent(5000),
        "bargain_hunter": lambda u: u.spent(500, key="discount"),
        "known_household": lambda u: u.traits.get("household_size") is not None,
        "with_kids": lambda u: u.traits.get("kids_count") in ("1", "2", "3+"),
        "seniors": lambda u: u.traits.get("age") == "65+",
        "frequent": lambda u: u.count(ORDER, 28 * DAY) >= 8,
        "month_300": lambda u: u.spent(300, window=28 * DAY),
        "two_stores": lambda u: u.distinct(ORDER, "store", 91 * DAY) >= 2,
        "weekly_shop_moved": lambda u: u.count(ORDER, where=over(50)) >= 4
        and u.count(ORDER, 28 * DAY, over(50)) == 0,
        "slipping_away": lambda u: u.count(ORDER) >= 10 and within(14 * DAY, u.since(ORDER), 28 * DAY),
        "dormant": lambda u: within(28 * DAY, u.since(ORDER), NEVER),
        "churned": lambda u: within(91 * DAY, u.since(ORDER), NEVER),
        "targeted": lambda u: u.count(RECEIVED) >= 1,
        "redeemer": lambda u: u.count(REDEEMED) >= 1,
        "deaf_to_coupons": lambda u: u.count(RECEIVED) >= 3 and u.count(REDEEMED) == 0,
        "never_targeted": lambda u: u.count(RECEIVED) == 0 and u.spent(1000),
        "coupon_lover": lambda u: u.count(ORDER, where=couponed) >= 10,
        "coupon_unused": lambda u: u.since(RECEIVED) < u.since(REDEEMED)
        and within(14 * DAY, u.since(RECEIVED), 28 * DAY),
    },
}

GOOGLE_MERCH = {
    "rules": "google-merch.toml",
    "file": "google-merch/events.jsonl.zst",
    "until": "2016-10-01T00:00:00Z",
    "names": {
        "page": paths(lambda path, channel: True),
        "basket_page": paths(lambda path, channel: path.startswith("/basket")),
        "sign_in": paths(lambda path, channel: path in ("/signin.html", "/register.html")),
        "paid_visit": paths(lambda path, channel: channel in ADS),
        "click": tracks("Product Clicked"),
        "view": tracks(VIEW),
        "apparel": tracks(VIEW, apparel),
        "cart": tracks(CART),
        "removed": tracks(REMOVED),
        "checkout": tracks(CHECKOUT),
        "payment": tracks(STEP, lambda p: p["step"] == "2"),
        "review": tracks(STEP, lambda p: p["step"] == "3"),
        "order": tracks(ORDER),
        "paid": tracks(ORDER, paid),
    },
    "silences": {"dormant": (None, 14 * DAY)},
    "once": ["looked", "carted", "checked_out", "buyer", "repeat_buyer", "spent_100", "spent_500", "spent_1000",
             "from_ads"],
    "segments": {
        "looked": lambda u: u.count(VIEW) >= 1,
        "carted": lambda u: u.count(CART) >= 1,
        "checked_out": lambda u: u.count(CHECKOUT) >= 1,
        "buyer": lambda u: u.count(ORDER) >= 1,
        "repeat_buyer": lambda u: u.distinct(ORDER, "order_id") >= 2,
        "reloader": lambda u: u.count(ORDER) > u.distinct(ORDER, "order_id"),
        "spent_100": lambda u: u.spent(100),
        "spent_500": lambda u: u.spent(500),
        "spent_1000": lambda u: u.spent(1000),
        "from_ads": lambda u: any(channel in ADS for _, _, channel in u.pages),
        "apparel_fan": lambda u: u.count(VIEW, 14 * DAY, apparel) >= 5,
        "expensive_taste": lambda u: u.count(VIEW, 14 * DAY) >= 3 and u.average(VIEW, "price", 14 * DAY) >= 50,
        "machine": lambda u: u.pages_in(HOUR) >= 100,
        "hot_intent": lambda u: u.count(VIEW, 30 * MINUTE) >= 3 and u.count(CART, 30 * MINUTE) >= 1
        and u.count(CHECKOUT, 30 * MINUTE) == 0,
        "browse_abandoned": lambda u: u.count(VIEW, DAY) >= 3 and u.count(CART, DAY) == 0 and u.idle() >= HOUR,
        "cart_abandoned": lambda u: u.since(CART) < u.since(ORDER) and within(HOUR, u.since(CART), 7 * DAY),
        "checkout_abandoned": lambda u: u.since(CHECKOUT) < u.since(ORDER)
        and within(30 * MINUTE, u.since(CHECKOUT), 3 * DAY),
        "dormant": lambda u: u.idle() >= 14 * DAY,
        "dormant_carter": lambda u: u.idle() >= 14 * DAY and u.count(CART) >= 1 and u.count(ORDER) == 0,
    },
}

REES46 = {
    "rules": "rees46.toml",
    "names": {
        "view": tracks(VIEW),
        "smartphone": tracks(VIEW, smartphone),
        "apple": tracks(VIEW, apple),
        "no_category": tracks(VIEW, lambda p: p.get("category") is None),
        "cart": tracks(CART),
        "removed": tracks(REMOVED),
        "order": tracks(ORDER),
    },
    "silences": {"left": (None, 30 * MINUTE), "churned": (None, 60 * DAY)},
    "once": ["carted", "buyer", "several_items", "spent_50", "spent_500"],
    "segments": {
        "window_shopper": lambda u: u.count(VIEW) >= 10 and u.count(CART) == 0 and u.count(ORDER) == 0,
        "carted": lambda u: u.count(CART) >= 1,
        "buyer": lambda u: u.count(ORDER) >= 1,
        "several_items": lambda u: u.count(ORDER) >= 2,
        "spent_50": lambda u: u.spent(50),
        "spent_500": lambda u: u.spent(500),
        "returning": lambda u: u.idle() < DAY and u.age() >= 7 * DAY,
        "phone_hunter": lambda u: u.count(VIEW, HOUR, smartphone) >= 4,
        "apple_fan": lambda u: u.count(VIEW, where=apple) >= 3
        and min(u.values(VIEW, "price", DAY), default=-1) >= millionths(200),
        "compares": lambda u: u.distinct(VIEW, "product_id", 30 * MINUTE) >= 5,
        "undecided": lambda u: u.count(REMOVED) >= 3 and u.count(REMOVED) * 2 >= u.count(CART),
        "cart_abandoned": lambda u: u.since(CART) < u.since(ORDER)
        and within(30 * MINUTE, u.since(CART), 2 * DAY),
        "left": lambda u: u.idle() >= 30 * MINUTE,
        "churned": lambda u: u.idle() >= 60 * DAY,
    },
}

DATA_SETS = {
    "cdnow": CDNOW,
    "online-retail": ONLINE_RETAIL,
    "completejourney": COMPLETE_JOURNEY,
    "google-merch": GOOGLE_MERCH,
    # Right at the end of the slice, so that the windows of the rules still hold something.
    "rees46-multicategory": REES46 | {"file": "rees46/multicategory.jsonl.zst", "until": "2019-10-01T02:50:00Z"},
    "rees46-cosmetics": REES46 | {"file": "rees46/cosmetics.jsonl.zst", "until": "2023-03-01T00:00:00Z"},
}
