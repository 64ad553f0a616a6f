// Numbers and instants as people read them. Instants are shown in the browser's time zone.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const two = new Intl.NumberFormat('en', { maximumFractionDigits: 2 });
/** The currency of the rules' amounts, an ISO 4217 code; null: none is named. */
let currency = null;
const amounts = new Map();
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const dayTime = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' });
const weekdayTime = new Intl.DateTimeFormat('en-GB', { weekday: 'long', day: 'numeric', month: 'long', hour: '2-digit', minute: '2-digit' });
const yearTime = new Intl.DateTimeFormat('en-GB', { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric', hour: '2-digit', minute: '2-digit' });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const date = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });

const MISSING = '–';
const known = (value) => typeof value === 'number' && Number.isFinite(value);

export const count = (value) => (known(value) ? whole.format(value) : MISSING);
export const number = (value) => (known(value) ? two.format(value) : MISSING);
/** From now on amounts are in this currency. */
export function setCurrency(code) {
  if (code !== currency) amounts.clear();
  currency = code ?? null;
}

function amountFormat(kind) {
  if (!amounts.has(kind)) {
    const style = currency ? { style: 'currency', currency } : { minimumFractionDigits: 2, maximumFractionDigits: 2 };
    const more = { whole: { minimumFractionDigits: 0, maximumFractionDigits: 0 }, short: { notation: 'compact', minimumFractionDigits: 0, maximumFractionDigits: 1 } };
    amounts.set(kind, new Intl.NumberFormat('en', { ...style, ...more[kind] }));
  }
  return amounts.get(kind);
}
const inAmounts = (value, kind) => (known(value) ? amountFormat(kind).format(value).replace('-', '−') : MISSING);

/** An amount as the daemon's sentences write it: whole from a thousand on. */
export const money = (value) => inAmounts(value, Math.abs(value) < 1000 ? 'exact' : 'whole');
export const shortMoney = (value) => inAmounts(value, 'short');
/** One format for the amounts of a column, so that their decimals stand under each other. */
export const moneyColumn = (values) => (value) => inAmounts(value, values.some((one) => Math.abs(one) >= 1000) ? 'whole' : 'exact');
/** The same for shares: two decimals where all are small. */
export const percentColumn = (values) => (value) => percent(value, Math.max(0, ...values.filter(known).map(Math.abs)) < 0.1 ? 2 : 1);
export const short = (value) => (known(value) ? compact.format(value) : MISSING);
export const percent = (value, digits = 1) => (known(value) ? `${(value * 100).toFixed(digits).replace('-', '−')} %` : MISSING);
export const signed = (value, format) => (known(value) ? `${value > 0 ? '+' : value < 0 ? '−' : ''}${format(Math.abs(value))}` : MISSING);
/** An hour of the calendar, `2026-03-05T14`, without a zone. */
export const hour = (text) => (text ? `${date.format(new Date(`${text.slice(0, 10)}T00:00:00Z`))}, ${text.slice(11, 13)}:00` : MISSING);
export const plural = (value, one, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`;

export const instant = (at) => (at ? dayTime.format(new Date(at)) : MISSING);
export const time = (at) => (at ? clock.format(new Date(at)) : MISSING);
/** A day of the calendar, `2026-03-05`, without a zone. */
export const day = (text) => (text ? date.format(new Date(`${text.slice(0, 10)}T00:00:00Z`)) : MISSING);
/** An instant that is still to come: "Tuesday 5 March, 14:03"; with its year where that is not the one of `now`. */
export function coming(at, now = Date.now()) {
  if (!at) return MISSING;
  const [then, today] = [new Date(at), new Date(now)];
  return (then.getFullYear() === today.getFullYear() ? weekdayTime : yearTime).format(then).replace(' at ', ', ');
}

const UNITS = [['d', 86_400_000], ['h', 3_600_000], ['min', 60_000], ['s', 1_000]];

/** A length of time in its two largest units: "8 d 9 h". */
export function duration(ms) {
  if (!known(ms)) return MISSING;
  if (ms < 1000) return `${whole.format(ms)} ms`;
  const first = UNITS.findIndex(([, size]) => ms >= size);
  const [name, size] = UNITS[first];
  const rest = ms % size;
  const next = UNITS[first + 1];
  const more = next && Math.floor(rest / next[1]);
  return `${whole.format(Math.floor(ms / size))} ${name}${more ? ` ${more} ${next[0]}` : ''}`;
}

/** "in 3 d 4 h", "2 min ago", as seen at another instant: the log's time, which need not be this machine's. */
export function relative(at, now) {
  const ms = Date.parse(at) - Date.parse(now);
  if (!Number.isFinite(ms)) return '';
  if (Math.abs(ms) < 1000) return 'now';
  return ms > 0 ? `in ${duration(ms)}` : `${duration(-ms)} ago`;
}

/** A sentence of the daemon with its instants and names as this page writes them. */
export const sentence = (text, now) => text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (at) => coming(at, now)).replaceAll('`', '');

/** A value of a trait or property. */
export function value(any) {
  if (any === null || any === undefined) return MISSING;
  if (typeof any === 'number') return new Intl.NumberFormat('en', { maximumFractionDigits: 6 }).format(any);
  if (any === true) return 'yes';
  if (any === false) return 'no';
  return typeof any === 'string' ? any : JSON.stringify(any);
}
