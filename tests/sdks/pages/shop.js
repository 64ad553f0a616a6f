// A shopping trip on a page, told by a vendor's own SDK for browsers: shop.html?sdk=…&url=…&key=…&user=…
const { sdk, url, key, user } = Object.fromEntries(new URLSearchParams(location.search));
const order = { order_id: `order of ${user}`, total: 64.07 };
const products = [{ product_id: 'p1', price: 64.07 }];

function script(path) {
  return new Promise((loaded, failed) => {
    document.head.append(Object.assign(document.createElement('script'), { src: `modules/${path}`, onload: loaded, onerror: failed }));
  });
}

async function steps(identify, track, names = ['Product Viewed', 'Product Added', 'Order Completed'], bought = { ...order, products }) {
  await identify({ plan: 'gold' });
  for (let number = 0; number < 20; number += 1) await track(names[0], { product_id: `p${number}` });
  await track(names[1], { product_id: 'p1', price: 64.07, quantity: 1 });
  await track(names[2], bought);
}

async function segment(delivery) {
  await script('@segment/analytics-next/dist/umd/index.js');
  const { host, protocol } = new URL(url);
  const analytics = AnalyticsNext.AnalyticsBrowser.load({ writeKey: key, cdnURL: url }, {
    integrations: { 'Segment.io': { apiHost: `${host}/v1`, protocol: protocol.slice(0, -1), ...delivery } },
  });
  await steps((traits) => void analytics.identify(user, traits), (event, properties) => void analytics.track(event, properties));
  await analytics.ready();
}

const trips = {
  segment: () => segment({}),
  segment_batching: () => segment({ deliveryStrategy: { strategy: 'batching', config: { size: 10, timeout: 500 } } }),
  async rudder() {
    await script('@rudderstack/analytics-js/dist/npm/modern/bundled/umd/index.js');
    const client = new rudderanalytics.RudderAnalytics();
    client.load(key, url, { configUrl: url, logLevel: 'ERROR', queueOptions: { minRetryDelay: 200 } });
    await new Promise((ready) => client.ready(ready));
    await steps((traits) => client.identify(user, traits), (event, properties) => client.track(event, properties));
  },
  async jitsu() {
    const { jitsuAnalytics } = await import('./modules/@jitsu/js/dist/jitsu.es.js');
    const client = jitsuAnalytics({ host: url, writeKey: `${key}:x` });
    await steps((traits) => void client.identify(user, traits), (event, properties) => void client.track(event, properties));
  },
  async posthog() {
    const { posthog } = await import('./modules/posthog-js/dist/module.full.no-external.js');
    posthog.init(key, { api_host: url, autocapture: false, disable_session_recording: true, disable_surveys: true, advanced_disable_flags: true });
    await steps((traits) => posthog.identify(user, traits), (event, properties) => posthog.capture(event, properties));
  },
  async mixpanel() {
    await script('mixpanel-browser/dist/mixpanel.umd.js');
    mixpanel.init(key, { api_host: url, batch_flush_interval_ms: 500 });
    await steps((traits) => { mixpanel.identify(user); mixpanel.people.set(traits); }, (event, properties) => mixpanel.track(event, properties));
  },
  async amplitude() {
    await script('@amplitude/analytics-browser/lib/scripts/amplitude-min.js');
    await amplitude.init(key, { serverUrl: `${url}/2/httpapi`, autocapture: false, fetchRemoteConfig: false }).promise;
    amplitude.setUserId(user);
    const identify = (traits) => {
      const change = new amplitude.Identify();
      Object.entries(traits).forEach(([name, value]) => change.set(name, value));
      amplitude.identify(change);
    };
    await steps(identify, (event, properties) => void amplitude.track(event, properties));
  },
  async snowplow() {
    await script('@snowplow/browser-tracker/dist/index.umd.min.js');
    const { newTracker, setUserId, trackSelfDescribingEvent } = snowplowBrowserTracking;
    newTracker('shop', url, { appId: key });
    setUserId(user);
    await steps(() => {}, (name, data) => trackSelfDescribingEvent({ event: { schema: `iglu:shop/${name}/jsonschema/1-0-0`, data } }));
  },
  async sensors() {
    const sensors = (await import('./modules/sa-sdk-javascript/sensorsdata.es6.min.js')).default;
    sensors.init({ server_url: `${url}/sa?token=${key}`, send_type: 'beacon', heatmap: { clickmap: 'not_collect', scroll_notice_map: 'not_collect' }, show_log: false });
    sensors.login(user);
    await steps((traits) => sensors.setProfile(traits), (event, properties) => sensors.track(event, properties), ['ProductViewed', 'ProductAdded', 'OrderCompleted'], order);
  },
};

trips[sdk]().then(() => { window.done = true; }, (error) => { console.error(String(error?.stack ?? error)); });
