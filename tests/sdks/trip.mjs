// A shopping trip, told by a vendor's own SDK for servers: trip.mjs MODULES SDK URL KEY USER.
// It ends when the SDK says that everything is sent, or that it gave up.
import { createRequire } from 'node:module';

const [modules, sdk, url, key, user] = process.argv.slice(2);
const require = createRequire(`${modules}/package.json`);
const order = { order_id: `order of ${user}`, total: 64.07 };
const products = [{ product_id: 'p1', price: 64.07 }];

async function steps(identify, track, names = ['Product Viewed', 'Product Added', 'Order Completed'], bought = { ...order, products }) {
  await identify({ plan: 'gold' });
  for (let number = 0; number < 20; number += 1) await track(names[0], { product_id: `p${number}` });
  await track(names[1], { product_id: 'p1', price: 64.07, quantity: 1 });
  await track(names[2], bought);
}

const trips = {
  async segment() {
    const { Analytics } = require('@segment/analytics-node');
    const client = new Analytics({ writeKey: key, host: url, flushAt: 5, maxRetries: 10 });
    client.on('error', (error) => console.error('segment:', error.code ?? error));
    await steps((traits) => client.identify({ userId: user, traits }), (event, properties) => client.track({ userId: user, event, properties }));
    await client.closeAndFlush({ timeout: 25_000 });
  },
  async rudder() {
    const Analytics = require('@rudderstack/rudder-sdk-node');
    const client = new Analytics(key, { dataPlaneUrl: url, flushAt: 5, flushInterval: 50, logLevel: 'error', errorHandler: (error) => console.error('rudder:', error.message) });
    await steps((traits) => client.identify({ userId: user, traits }), (event, properties) => client.track({ userId: user, event, properties }));
    await client.flush();
  },
  async posthog() {
    const { PostHog } = require('posthog-node');
    const client = new PostHog(key, { host: url, flushAt: 5, fetchRetryDelay: 500 });
    client.on('error', (error) => console.error('posthog:', error.message));
    await steps((properties) => client.identify({ distinctId: user, properties }), (event, properties) => client.capture({ distinctId: user, event, properties }));
    await client.shutdown(25_000);
  },
  async mixpanel() {
    const { hostname, port } = new URL(url);
    const client = require('mixpanel').init(key, { host: hostname, port, protocol: 'http', keepAlive: false });
    const told = (done) => (error) => { if (error) console.error('mixpanel:', error.message); done(); };
    await steps((traits) => new Promise((done) => client.people.set(user, traits, told(done))),
      (event, properties) => new Promise((done) => client.track(event, { ...properties, distinct_id: user }, told(done))));
  },
  async amplitude() {
    const amplitude = require('@amplitude/analytics-node');
    await amplitude.init(key, { serverUrl: `${url}/2/httpapi`, flushQueueSize: 5, flushIntervalMillis: 100, logLevel: 0 }).promise;
    const sent = [];
    await steps((traits) => {
      const identify = new amplitude.Identify();
      Object.entries(traits).forEach(([name, value]) => identify.set(name, value));
      sent.push(amplitude.identify(identify, { user_id: user }).promise);
    }, (event, properties) => { sent.push(amplitude.track(event, properties, { user_id: user }).promise); });
    // Without flush(): what it sends at once it does not send again.
    for (const { code, message } of await Promise.all(sent)) if (code !== 200) console.error('amplitude:', code, message);
  },
  async snowplow() {
    const { newTracker, buildSelfDescribingEvent } = require('@snowplow/node-tracker');
    const tracker = newTracker({ namespace: 'shop', appId: key }, { endpoint: url, bufferSize: 5, onRequestFailure: ({ message, willRetry }) => willRetry || console.error('snowplow:', message) });
    tracker.setUserId(user);
    const track = (name, data) => tracker.track(buildSelfDescribingEvent({ event: { schema: `iglu:shop/${name}/jsonschema/1-0-0`, data } }));
    await steps(() => {}, track);
    // What failed is sent again with what comes next: a server goes on, a trip has to ask for it.
    for (let attempt = 0; attempt < 5; attempt += 1) {
      await tracker.flush();
      await new Promise((done) => setTimeout(done, 200));
    }
  },
  async sensors() {
    const SensorsAnalytics = require('sa-sdk-node');
    const client = new SensorsAnalytics();
    client.disableReNameOption();
    const submitter = client.submitTo(`${url}/sa?token=${key}`, { gzip: true });
    submitter.catch((error) => console.error('sensors:', error.message));
    const login = { $is_login_id: true };
    await steps((traits) => client.profileSet(user, { ...traits, ...login }), (event, properties) => client.track(user, event, { ...properties, ...login }), ['ProductViewed', 'ProductAdded', 'OrderCompleted'], order);
    await client.flush?.();
  },
  async jitsu() {
    const { jitsuAnalytics } = require('@jitsu/js');
    // It takes no key without a colon and a secret.
    const client = jitsuAnalytics({ host: url, writeKey: `${key}:x`, s2s: true });
    await steps((traits) => client.identify(user, traits), (event, properties) => client.track(event, { ...properties }));
  },
};

await trips[sdk]();
