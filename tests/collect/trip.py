"""A shopping trip, told by a vendor's own SDK: trip.py SDK URL KEY USER."""

import sys

SDK, URL, KEY, USER = sys.argv[1:5]
VIEWS = 20


def steps(identify, track):
    identify({"plan": "gold"})
    for number in range(VIEWS):
        track("Product Viewed", {"product_id": f"p{number}"})
    track("Product Added", {"product_id": "p1", "price": 64.07, "quantity": 1})
    track("Order Completed", {"order_id": f"order of {USER}", "total": 64.07, "products": [{"product_id": "p1", "price": 64.07}]})


def failed(error, items):
    sys.exit(f"{SDK} gave up on {len(items)} calls: {error}")


if SDK == "segment":
    from segment.analytics.client import Client

    client = Client(KEY, host=URL, on_error=failed, max_retries=10, gzip=False)
    steps(lambda traits: client.identify(USER, traits), lambda name, properties: client.track(USER, name, properties))
    client.shutdown()
elif SDK == "rudder":
    from rudderstack.analytics.client import Client

    client = Client(KEY, host=URL, on_error=failed, max_retries=10, gzip=True)
    steps(lambda traits: client.identify(USER, traits), lambda name, properties: client.track(USER, name, properties))
    client.shutdown()
elif SDK == "posthog":
    from posthog import Posthog

    client = Posthog(KEY, host=URL, on_error=failed, max_retries=10)
    steps(
        lambda traits: client.set(distinct_id=USER, properties=traits),
        lambda name, properties: client.capture(name, distinct_id=USER, properties=properties),
    )
    client.shutdown()
elif SDK == "mixpanel":
    from mixpanel import Consumer, Mixpanel

    consumer = Consumer(events_url=f"{URL}/track", people_url=f"{URL}/engage", retry_limit=10)
    # Its retries are for https alone.
    consumer._session.mount("http://", consumer._session.get_adapter("https://"))
    client = Mixpanel(KEY, consumer=consumer)
    steps(lambda traits: client.people_set(USER, traits), lambda name, properties: client.track(USER, name, properties))
elif SDK == "amplitude":
    from amplitude import Amplitude, BaseEvent, Config, EventOptions, Identify

    def answered(event, code, message=None):
        if code != 200:
            failed(message, [event])

    client = Amplitude(KEY, Config(server_url=f"{URL}/2/httpapi", flush_interval_millis=100, callback=answered))

    def identify(traits):
        change = Identify()
        for name, value in traits.items():
            change.set(name, value)
        client.identify(change, EventOptions(user_id=USER))

    steps(identify, lambda name, properties: client.track(BaseEvent(name, user_id=USER, event_properties=properties)))
    for flushed in client.flush() or []:
        flushed.result()
    client.shutdown()
else:
    sys.exit(f"{SDK} is no SDK")
