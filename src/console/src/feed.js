// The live feed: server-sent events, kept in a bounded list and handed on a few times a second, however many come.

/** The most that the list holds. */
export const KEPT = 200;
/** How many seconds of rates are kept. */
export const SECONDS = 120;

export class Feed {
  /** `changed` is called at most every 250 ms. */
  constructor(address, changed) {
    this.lines = [];
    this.next = 0;
    this.rates = [];
    this.dropped = 0;
    this.isOpen = false;
    this.isPaused = false;
    this.refused = false;
    this.changed = changed;
    this.timer = 0;
    this.source = new EventSource(address);
    for (const kind of ['transition', 'decision']) this.source.addEventListener(kind, (event) => this.take(kind, event.data));
    this.source.addEventListener('dropped', (event) => { this.dropped += JSON.parse(event.data).count; });
    this.source.addEventListener('rates', (event) => {
      this.rates = [...this.rates.slice(1 - SECONDS), { ...JSON.parse(event.data), seen: Date.now() / 1000 }];
      this.schedule();
    });
    this.source.onopen = () => { this.isOpen = true; this.schedule(); };
    this.source.onerror = () => {
      this.isOpen = false;
      this.refused = this.source.readyState === EventSource.CLOSED;
      this.schedule();
    };
  }

  /** Text is kept, and read only if it is shown: most of what comes at a high rate never is. */
  take(kind, text) {
    this.next += 1;
    if (this.isPaused) return;
    this.lines.push({ kind, text, number: this.next });
    if (this.lines.length > 2 * KEPT) this.lines = this.lines.slice(-KEPT);
    this.schedule();
  }

  /** The latest, newest first. */
  latest() {
    const shown = this.lines.slice(-KEPT).reverse();
    for (const line of shown) line.output ??= JSON.parse(line.text);
    return shown;
  }

  pause(isPaused) {
    this.isPaused = isPaused;
    this.schedule();
  }

  schedule() {
    if (this.timer) return;
    this.timer = setTimeout(() => { this.timer = 0; this.changed(); }, 250);
  }

  close() {
    clearTimeout(this.timer);
    this.changed = () => {};
    this.source.close();
  }
}
