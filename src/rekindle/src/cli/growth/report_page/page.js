"use strict";
const data = JSON.parse(document.getElementById("data").textContent), n = data.numbers;
const main = document.getElementById("main"), dark = matchMedia("(prefers-color-scheme: dark)");
const el = (tag, cls, ...kids) => { const e = document.createElement(tag); if (cls) e.className = cls; e.append(...kids.filter(k => k != null)); return e; };
const int = x => x == null ? "–" : Math.round(x).toLocaleString("en").replace("-", "−");
const pct = (x, d = 1) => x == null ? "–" : (x * 100).toFixed(d).replace("-", "−") + " %";
const signed = (x, f) => x == null ? "–" : (x > 0 ? "+" : x < 0 ? "−" : "") + f(Math.abs(x));
const sign = n.currency ? { style: "currency", currency: n.currency } : {};
const decimals = n.currency ? new Intl.NumberFormat("en", sign).resolvedOptions().maximumFractionDigits : 2;
const formats = new Map();
/** An amount in the currency of the rules; as the daemon's sentences write it. */
const amount = (x, d) => { if (x == null) return "–"; if (!formats.has(d)) formats.set(d, new Intl.NumberFormat("en", { ...sign, minimumFractionDigits: d, maximumFractionDigits: d })); return formats.get(d).format(x).replace("-", "−"); };
const money = x => x == null ? "–" : amount(x, Math.abs(x) < 1000 ? decimals : 0);
const short = x => Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(x).replace("-", "−");
const shortMoney = x => Intl.NumberFormat("en", { ...sign, notation: "compact", minimumFractionDigits: 0, maximumFractionDigits: 1 }).format(x).replace("-", "−");
/** One format for all amounts of a column, so that their decimals stand under each other. */
const moneyColumn = xs => { const d = xs.some(x => Math.abs(x) >= 1000) ? 0 : decimals; return x => amount(x, d); };
/** The same for shares: two decimals where all are small. */
const pctColumn = xs => { const d = Math.max(0, ...xs.filter(x => x != null).map(Math.abs)) < .1 ? 2 : 1; return x => pct(x, d); };
const numberColumn = xs => { const all = xs.filter(x => x != null), d = all.every(Number.isInteger) ? 0 : all.some(x => Math.abs(x) >= 1000) ? 0 : 2; return x => x == null ? "–" : x.toLocaleString("en", { minimumFractionDigits: d, maximumFractionDigits: d }).replace("-", "−"); };
const columnOf = m => isMoney(m) ? moneyColumn : () => int;
// Days are of the calendar, without a zone.
const dateOf = (day, options) => new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options }).format(new Date(day.slice(0, 10) + "T00:00:00Z")).replace(",", "");
const fullDay = day => dateOf(day, { weekday: "short", day: "numeric", month: "short", year: "numeric" });
const spanOf = w => w.first === w.last ? fullDay(w.first) : `${dateOf(w.first, { day: "numeric", month: "short", ...(w.first.slice(0, 4) === w.last.slice(0, 4) ? {} : { year: "numeric" }) })} to ${dateOf(w.last, { day: "numeric", month: "short", year: "numeric" })}`;
const NAMES = { gmv: "GMV", aov: "Average order value", orders_per_buyer: "Orders per buyer" };
const nice = s => NAMES[s] || (s[0].toUpperCase() + s.slice(1)).replaceAll("_", " ");
const isMoney = m => m === "gmv" || m === "revenue", num = m => isMoney(m) ? money : int;
const charts = [];
/** What a tooltip shows: a heading, and each series with its value. Names are of the rules and the log, and no HTML. */
function tip(points, heading, value) {
  const box = el("div", "tip", el("b", "", heading(points[0].axisValue)));
  for (const p of points) if (p.value != null && !p.seriesName.startsWith("\u200b")) { const dot = el("i"); dot.style.background = p.color; box.append(el("div", "", dot, el("span", "", p.seriesName), el("b", "", value(p.value)))); }
  return box;
}
function section(title, small) { const s = el("section", "", el("h2", "", title, small ? el("small", "", small) : null)); main.append(s); return s; }
function card(parent, title, cls) { const c = el("div", "card " + (cls || ""), title ? el("h3", "", title) : null); parent.append(c); return c; }
function figure(parent, name, value, by, cls) { parent.append(el("div", "card", el("div", "name", name), el("div", "figure", value), by ? el("div", "by " + (cls || ""), by) : null)); }
/** On a phone each row of a table with more than four columns stands as a block, each value beside the name of its column. */
function table(head, rows, textColumns = [0]) {
  const t = el("table", head.length > 4 ? "stacked" : ""), tr = el("tr"); head.forEach((h, i) => { const th = el(h ? "th" : "td", textColumns.includes(i) ? "text" : "", h); if (h) th.scope = "col"; tr.append(th); }); t.append(el("thead", "", tr));
  const b = el("tbody"); rows.forEach(r => { const tr = el("tr"); r.forEach((c, i) => { const td = c instanceof Node ? c : el("td", textColumns.includes(i) ? "text" : "", c); if (head[i] && i) td.dataset.name = head[i]; tr.append(td); }); b.append(tr); }); t.append(b);
  return el("div", "scroll", t);
}
const note = text => el("p", "note", text);
/** A chart; `why` says why it is empty, where all its values are missing or 0. */
function chart(parent, title, option, { cls, why } = {}) {
  const c = card(parent, title, cls), value = p => p != null && typeof p === "object" ? p.value : p;
  if (!option().series.some(s => s.data.some(p => value(p)))) { c.append(el("p", "empty", why || "All values are 0.")); return; }
  const box = el("div", "chart"); box.setAttribute("role", "img"); box.setAttribute("aria-label", title); c.append(box); charts.push({ box, option });
}
const PALETTE = ["#2563eb", "#f59e0b", "#10b981", "#a855f7", "#ef4444", "#14b8a6", "#ec4899", "#84cc16", "#64748b"];
function draw() {
  const css = getComputedStyle(document.documentElement), v = x => css.getPropertyValue(x).trim();
  for (const c of charts) {
    if (c.chart) c.chart.dispose();
    c.chart = echarts.init(c.box, null, { renderer: "svg" });
    const o = c.option(), axis = { axisLine: { lineStyle: { color: v("--line") } }, axisLabel: { color: v("--soft"), hideOverlap: true }, splitLine: { lineStyle: { color: v("--line") } }, axisTick: { show: false } };
    const merge = a => ({ ...axis, ...a, axisLabel: { ...axis.axisLabel, ...(a.axisLabel || {}) } });
    // The legend takes as many rows as its names need at this width.
    const names = o.legend && o.legend.show === false ? [] : o.series.map(s => s.name), rows = Math.ceil(names.reduce((width, name) => width + 36 + 7.5 * name.length, 0) / Math.max(1, c.box.clientWidth));
    c.chart.setOption({ color: PALETTE, animation: false, textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: v("--ink") },
      grid: { left: 4, right: 24, top: 14 + 20 * rows, bottom: 4, containLabel: true }, legend: { top: 0, left: 0, itemWidth: 14, itemHeight: 8, textStyle: { color: v("--soft") }, ...(o.legend || {}) },
      tooltip: { trigger: "axis", ...(o.heading ? { formatter: ps => tip(ps, o.heading, o.value || int) } : {}), backgroundColor: v("--card"), borderColor: v("--line"), textStyle: { color: v("--ink") }, confine: true, valueFormatter: o.value || int },
      ...o, xAxis: merge(o.xAxis), yAxis: merge(o.yAxis) });
  }
}
const complete = n.days.filter(d => d.complete), days = complete.slice(-120), last = complete.at(-1);
const x = days.map(d => d.day);
const line = (name, values, extra) => ({ name, type: "line", showSymbol: values.length < 3, smooth: .2, lineWidth: 2, data: values, ...extra });
/** A time axis by day: Mondays are labelled, with the year where the days are of several; the tooltip has weekday and year. */
const years = x.length > 0 && x[0].slice(0, 4) !== x.at(-1).slice(0, 4), few = x.length <= 10;
const isMonday = d => new Date(d + "T00:00:00Z").getUTCDay() === 1;
const time = { type: "category", data: x, boundaryGap: false, axisPointer: { label: { formatter: p => fullDay(p.value) } },
  axisLabel: { interval: (i, d) => few || isMonday(d), formatter: d => dateOf(d, { ...(few ? { weekday: "short" } : {}), day: "numeric", month: "short" }) + (years ? "\n" + d.slice(0, 4) : "") } };
const timeBars = { ...time, boundaryGap: true };
const yaxis = f => ({ type: "value", axisLabel: { formatter: f || short } });
document.getElementById("of").textContent = (complete.length ? `${fullDay(complete[0].day)} to ${fullDay(last.day)}` : fullDay(n.today)) + ` · days of ${n.timezone} · as of ${fullDay(n.as_of)}, ${n.as_of.slice(11, 16)} UTC` + (n.currency ? ` · amounts in ${n.currency}` : " · the rules name no currency");

{ // The last week in a sentence
  const h = n.outlook.headline, more = el("details", "", el("summary", "", "How this was reasoned"), note(h.source));
  // No line ends between a sign and its number.
  main.append(el("p", "headline", h.text.replaceAll(" %", "\u00a0%").replaceAll("−", "−\u2060")), more);
}
for (const text of data.notes) main.append(note(text));

const FORMATS = { count: x => x >= 1e6 ? short(x) : int(x), money: x => Math.abs(x) >= 1e7 ? shortMoney(x) : money(x), share: x => pct(x), number: x => x == null ? "–" : x.toFixed(2) };
/** How a figure changed: as a rate, shares in percentage points; and why that is not known. */
function changeOf(f) {
  if (f.value == null) return ["not known yet"];
  if (f.change == null) return f.before == null ? (complete.length < f.needed_days ? [`compared from ${f.needed_days} complete days on; there ${complete.length === 1 ? "is" : "are"} ${complete.length}`] : [`${f.against}: –`]) : [`${FORMATS[f.unit](f.before)} ${f.against}`];
  if (f.is_few) return [`${FORMATS[f.unit](f.before)} ${f.against}; too few to compare`];
  const by = f.unit === "share" ? signed(f.change * 100, v => v.toFixed(1)) + " points" : signed(f.change, v => pct(v)), flat = /^[+−]?0\.0 /.test(by);
  return [flat ? `no change on ${f.against}` : `${by} on ${f.against}`, flat ? "" : (f.change > 0) === f.is_more_better ? "up" : "down"];
}
{ // Key figures
  const g = el("div", "cards"); section("Key figures", last ? `last complete day ${fullDay(last.day)}; each beside the period before` : "no day is complete yet").append(g);
  for (const f of n.outlook.figures) { figure(g, f.name, FORMATS[f.unit](f.value), f.about); g.lastChild.append(el("div", "by " + (changeOf(f)[1] || ""), changeOf(f)[0])); }
}
const outlook = n.outlook.targets;
if (outlook.length) { // Targets
  const g = el("div", "grid"); section("Targets", "forecast with its 95 % interval").append(g);
  for (const t of outlook) {
    const f = num(t.metric), c = card(g, `${nice(t.metric)}: ${f(t.value)} per ${t.period}`), bar = el("div", "bar"), fill = el("i"), mark = el("b");
    fill.style.width = Math.min(100, t.reached / t.value * 100) + "%"; mark.style.left = Math.min(99.5, t.expected / t.value * 100) + "%"; mark.title = "expected by now"; bar.append(fill, mark);
    const cls = { reached: "up", on_track: "up", off_track: "down", warming_up: "warn" }[t.status];
    c.append(bar, el("div", "step", el("span", cls, nice(t.status)), el("span", "", `${f(t.reached)} reached, ${f(t.expected)} expected by now`)));
    c.append(el("p", "note", t.forecast ? `By ${fullDay(t.ends)}: ${f(t.forecast.value)} (${f(Math.max(0, t.forecast.low))} to ${f(t.forecast.high)})` : `${t.history_days} complete days are known; a forecast needs ${t.needed_days}`));
  }
}
if (!days.length) section("Users").append(el("p", "empty", `Charts by day begin with the first complete day, after midnight of ${n.timezone}.`));
if (days.length) { // Active users
  const g = el("div", "grid"); section("Users", days.length < complete.length ? `the last ${days.length} of ${complete.length} complete days` : `${days.length} complete ${days.length === 1 ? "day" : "days"}`).append(g);
  chart(g, "Active users", () => ({ heading: fullDay, xAxis: time, yAxis: yaxis(), series: [line("DAU", days.map(d => d.all.active), { areaStyle: { opacity: .12 } }), line("WAU", days.map(d => d.all.active_7d)), line("MAU", days.map(d => d.all.active_30d))] }));
  const order = n.channels.map((name, i) => [name, i]).filter(([, i]) => days.some(d => d.by_channel[i].new_users));
  chart(g, "New users by first-touch channel", () => ({ heading: fullDay, xAxis: timeBars, yAxis: yaxis(), series: order.map(([name, i]) => ({ name, type: "bar", stack: "a", barCategoryGap: "15%", data: days.map(d => d.by_channel[i].new_users) })) }), { why: `Nobody came for the first time in these ${days.length} days.` });
}
function triangle(cohorts, label, max) {
  const width = Math.min(max, Math.max(...cohorts.map(c => c.active.length))), head = [label, "Users"], top = Math.max(...cohorts.flatMap(c => c.active.slice(1).map(a => c.users ? a / c.users : 0)), .0001);
  for (let k = 1; k < width; k++) head.push(String(k));
  const rows = cohorts.map(c => [dateOf(c.start, { day: "numeric", month: "short", year: "numeric" }), int(c.users), ...Array.from({ length: width - 1 }, (_, i) => {
    const a = c.active[i + 1], shown = width <= 8 || [0, 2, 6, 13, 20, 29].includes(i); if (a == null) return el("td", shown ? "" : "minor"); const r = c.users ? a / c.users : 0, td = el("td", shown ? "cell" : "cell minor", c.users ? (r * 100).toFixed(top < .1 ? 1 : 0) : "");
    td.style.background = `rgba(var(--heat), ${(.05 + .45 * Math.sqrt(r / top)).toFixed(3)})`; td.title = `${int(a)} of ${int(c.users)}`; return td; })]);
  const t = table(head, rows); t.classList.add("cohorts"); t.firstChild.classList.remove("stacked"); t.querySelectorAll("th").forEach((th, i) => { if (i > 1 && width > 8 && ![1, 3, 7, 14, 21, 30].includes(i - 1)) th.classList.add("minor"); }); return t;
}
{ // Retention
  const s = section("Retention", "per cent of each cohort that came back"), g = el("div", "grid"); s.append(g);
  const closed = n.retention.days.filter(c => c.users), byWeek = n.retention.weeks.filter(c => c.users);
  const curve = Array.from({ length: 31 }, (_, k) => { let a = 0, u = 0; for (const c of closed) if (c.active.length > k) { a += c.active[k]; u += c.users; } return u ? a / u : null; });
  const weekly = card(g, "Cohorts by week: active n weeks later");
  weekly.append(byWeek.length ? triangle(byWeek.slice(-14), "Week of", 6) : el("p", "empty", "No week has new users yet."));
  if (byWeek.length && byWeek.every(c => c.active.length < 2)) weekly.append(note("The first week after a cohort's own is not complete yet."));
  if (closed.length) chart(g, "Retention curve: active on the n-th day after the first", () => ({ heading: k => `Day ${k}`, value: v => pct(v, 2), legend: { show: false }, xAxis: { type: "category", data: curve.slice(1).map((_, i) => i + 1), boundaryGap: true }, yAxis: yaxis(v => pct(v, Math.max(...curve.slice(1)) < .1 ? 1 : 0)), series: [{ name: "retention", type: "bar", itemStyle: { borderRadius: [3, 3, 0, 0] }, data: curve.slice(1) }] }), { why: closed.some(c => c.active.length > 1) ? "Nobody came back on a later day." : "The day after a cohort's first is not complete yet." });
  if (closed.length) card(g, "Cohorts by day: active n days later", "wide").append(triangle(closed.slice(-30), "Day", 31));
}
if (n.funnels.length) { // Funnels
  const g = el("div", "grid"); section("Funnels", "the last 30 complete days").append(g);
  for (const f of n.funnels) {
    const c = card(g, nice(f.id)), first = f.steps[0].users || 1;
    if (!f.steps[0].users) { c.append(el("p", "empty", `Nobody took the first step, ${nice(f.steps[0].name)}, in the last 30 complete days.`)); continue; }
    for (const st of f.steps) {
      const bar = el("div", "bar"), fill = el("i"); fill.style.width = st.users / first * 100 + "%"; bar.append(fill);
      const med = st.median_ms == null ? "" : st.median_ms < 6e4 ? ` · ${Math.round(st.median_ms / 1e3)} s` : st.median_ms < 36e5 ? ` · ${Math.round(st.median_ms / 6e4)} min` : st.median_ms < 864e5 ? ` · ${(st.median_ms / 36e5).toFixed(1)} h` : ` · ${(st.median_ms / 864e5).toFixed(1)} d`;
      c.append(el("div", "step", el("span", "", nice(st.name)), el("span", "", `${int(st.users)}` + (st === f.steps[0] ? " users" : ` · ${pct(st.from_previous.rate)} of the step before${med}`))), bar);
    }
    c.append(el("p", "note", `From first to last: ${pct(f.steps.at(-1).from_first.rate, 2)} of users. Sessions: ${f.steps.map(s => int(s.sessions)).join(" → ")}.`));
  }
}
if (n.lifecycle) { // Lifecycle
  const g = el("div", "grid"); section("Lifecycle", `reactivation on the last complete day ${pct(n.lifecycle.reactivation.rate, 2)}`).append(g);
  chart(g, "Users by stage at the end of the day", () => ({ heading: fullDay, xAxis: time, yAxis: yaxis(), series: n.stages.map((name, i) => line(nice(name), days.map(d => d.stage_sizes[i]), { stack: "a", areaStyle: { opacity: .5 }, lineStyle: { width: 1 } })) }), { why: days.length ? "Nobody was in any of the stages." : "No day is complete yet." });
  const flows = (last ? last.flows : []).filter(f => f.from !== "outside").sort((a, b) => b.users - a.users).slice(0, 12);
  card(g, "Moves between stages on the last complete day").append(flows.length ? table(["From", "To", "Users"], flows.map(f => [nice(f.from), nice(f.to), int(f.users)]), [0, 1]) : el("p", "empty", "Nobody moved."));
}
if (n.commerce) { // Commerce
  const g = el("div", "grid"), why = days.length ? `No order in these ${days.length} days.` : "No day is complete yet."; section("Commerce").append(g);
  chart(g, "GMV by day", () => ({ heading: fullDay, value: money, xAxis: timeBars, yAxis: yaxis(shortMoney), series: [["New buyers", d => d.all.gmv_new], ["Returning buyers", d => d.all.gmv - d.all.gmv_new]].map(([name, of]) => ({ name, type: "bar", stack: "a", barCategoryGap: "15%", data: days.map(of) })) }), { why });
  chart(g, "Orders and buyers by day", () => ({ heading: fullDay, xAxis: time, yAxis: yaxis(), series: [line("Orders", days.map(d => d.all.orders), { areaStyle: { opacity: .12 } }), line("Buyers", days.map(d => d.all.buyers))] }), { why });
  const rows = n.commerce.by_channel.map((c, i) => [n.channels[i], c]).filter(([, c]) => c.orders || c.conversion.whole).sort((a, b) => b[1].gmv - a[1].gmv);
  if (rows.length) {
    const all = rows.map(([, c]) => c), [gmv, aov] = ["gmv", "aov"].map(name => moneyColumn(all.map(c => c[name]))), [conversion, coupons] = ["conversion", "coupon_share"].map(name => pctColumn(all.map(c => c[name].rate)));
    card(g, "By first-touch channel, 30 days", "wide").append(table(["Channel", "GMV", "Orders", "AOV", "Conversion", "Coupons"], rows.map(([name, c]) => [name, gmv(c.gmv), int(c.orders), aov(c.aov), conversion(c.conversion.rate), coupons(c.coupon_share.rate)])));
  }
  const top = n.commerce.categories, gmv = moneyColumn(top.map(c => c.gmv));
  card(g, "Top categories by GMV, 30 days").append(top.length ? table(["Category", "GMV", "Orders"], top.map(c => [c.category, gmv(c.gmv), int(c.orders)])) : el("p", "empty", n.commerce.all.orders ? "No order of the last 30 complete days names a category." : "No order in the last 30 complete days."), n.commerce.category_error ? note(`Each value may be up to ${money(n.commerce.category_error)} too low.`) : "");
}
if (data.moved) { // Change of a metric
  const m = data.moved, f = num(m.metric), g = el("div", "grid tables");
  section(`Why ${nice(m.metric)} changed`, `${f(m.before)} (${spanOf(m.from)}) → ${f(m.after)} (${spanOf(m.to)}): ${signed(m.change, f)}`).append(g);
  const parts = (title, split) => {
    const own = split.parts.filter(p => p.contribution || p.before || p.after), top = Math.max(...own.map(p => Math.abs(p.contribution)), 1e-9);
    if (!own.length) return;
    const isFactors = own.some(p => p.name === "buyers"), share = columnOf(m.metric)(own.map(p => p.contribution)), group = columnOf(m.metric)(own.flatMap(p => [p.before, p.after]));
    const some = (p, v) => !isFactors ? group(v) : p.name === "buyers" ? int(v) : p.name === "orders_per_buyer" ? numberColumn([p.before, p.after])(v) : moneyColumn([p.before, p.after])(v);
    card(g, title).append(table(["", "Before", "After", "Contribution", ""], own.map(p => {
      const td = el("td"), bar = el("div"); bar.style.cssText = `width:${(Math.abs(p.contribution) / top * 70).toFixed(1)}px;height:10px;border-radius:3px;background:var(${p.contribution < 0 ? "--bad" : "--good"})`; td.className = "barcell"; td.append(bar);
      return [nice(p.name), some(p, p.before), some(p, p.after), el("td", p.contribution < 0 ? "down" : "up", signed(p.contribution, share)), td]; })));
  };
  if (m.factors) parts("By factor", m.factors); if (m.by_buyer) parts("By new and returning buyers", m.by_buyer);
  parts("By first-touch channel", m.by_channel);
  if (m.by_category && m.by_category.parts.filter(p => p.before || p.after).length > 1) parts("By category", { parts: m.by_category.parts.slice(0, 12) });
}
{ // Hours out of the usual
  const shown = data.trends.filter(t => t.bands.some(b => b)), unusual = n.outlook.unusual;
  const s = section("Hours out of the usual", "the last 14 days by the hour, against the same hours of earlier weeks");
  if (shown.length) {
    const g = el("div", "grid"), hour = h => `${fullDay(h)}, ${h.slice(11, 13)}:00`; s.append(g);
    const all = unusual.flatMap(u => u.hours.map(h => ({ ...h, metric: u.metric }))).filter(h => h.metric !== "revenue").sort((a, b) => b.hour.localeCompare(a.hour) || Math.abs(b.deviation) - Math.abs(a.deviation));
    const said = h => h.value > h.high ? "too high" : h.value < h.low ? "too low" : "third low hour";
    const c = card(g, all.length ? `${int(all.length)} of ${int(unusual.filter(u => u.metric !== "revenue").reduce((t, u) => t + u.assessed_hours, 0))} hours and metrics` : "None", "wide");
    c.append(all.length ? table(["Hour", "Metric", "It had", "Expected", "Usual range", ""], all.slice(0, 20).map(h => { const f = columnOf(h.metric)([h.value, h.expected, h.low, h.high]); return [hour(h.hour), nice(h.metric), f(h.value), f(h.expected), `${f(h.low)} to ${f(h.high)}`, el("td", h.value < h.expected ? "down" : "warn", said(h))]; }), [0, 1]) : el("p", "empty", "All hours of the last 14 days were within the usual range."));
    if (all.length > 20) c.append(note(`The latest 20; ${int(all.length - 20)} more are earlier.`));
    c.append(note("Expected: the level of the week before, times what the same hour of the week usually has of it (a mean of up to eight weeks without the highest and the lowest). The usual range is 3.7 spreads wide; the spread is a quantile of earlier deviations, which a few odd hours do not move. “Third low hour”: three hours each below expectation, and together below the range of three."));
    for (const t of shown) {
      const f = num(t.metric), [d, h] = t.first.split("T"), start = Date.parse(d + "T" + h + ":00:00Z"), xs = t.values.map((_, i) => new Date(start + i * 36e5).toISOString().slice(0, 13));
      const b = i => t.bands.map(b => b && b[i]), flagged = t.bands.filter(b => b && b[3]).length;
      chart(g, `${nice(t.metric)}: ${flagged ? flagged + (flagged > 1 ? " hours" : " hour") + " out of the usual" : "all as usual"}`, () => ({ heading: hour, value: v => v == null ? "–" : f(v), legend: { show: false }, xAxis: { type: "category", data: xs, boundaryGap: false, axisLabel: { interval: (i, v) => v.endsWith("T00") && (innerWidth > 560 || Date.parse(v.slice(0, 10)) / 864e5 % 3 === 0), formatter: v => dateOf(v, { weekday: "short", day: "numeric" }) } }, yAxis: yaxis(isMoney(t.metric) ? shortMoney : short), series: [
        { name: "usual, from", type: "line", stack: "band", symbol: "none", lineStyle: { opacity: 0 }, data: b(1) }, { name: "\u200bwidth of the band", type: "line", stack: "band", symbol: "none", lineStyle: { opacity: 0 }, areaStyle: { color: "#64748b", opacity: .18 }, data: t.bands.map(b => b && b[2] - b[1]) },
        { name: "usual, to", type: "line", symbol: "none", lineStyle: { opacity: 0 }, data: b(2) },
        line(nice(t.metric), t.values, { color: PALETTE[0], lineStyle: { width: 1.5 }, smooth: 0 }), { name: "\u200bout of the usual", type: "line", lineStyle: { opacity: 0 }, color: "#ef4444", symbol: "circle", symbolSize: 8, showSymbol: true, showAllSymbol: true, data: t.values.map((v, i) => t.bands[i] && t.bands[i][3] ? v : null) }] }), { why: `No ${nice(t.metric).toLowerCase()} in the last 14 days.` });
    }
  } else {
    const known = Math.max(0, ...unusual.map(u => u.known_hours)), needed = unusual[0] ? unusual[0].needed_hours : 0, span = h => `${Math.floor(h / 168)} weeks and ${Math.floor(h % 168 / 24)} days`;
    s.append(el("p", "empty", `Too early to say: what is usual at an hour of the week takes ${span(needed)} of data, and there are ${span(known)}.`));
  }
}
if (n.promotions.length) { // Promotions
  const g = el("div", "grid"); section("Promotions", "each window beside the same hours a week earlier").append(g);
  const one = (name, w, f) => [name, ...(w ? [f(w.gmv), int(w.orders), int(w.sessions), int(w.new_users)] : ["–", "–", "–", "–"])];
  const part = (p, k, f) => { const c = p[k], some = c.hours && c.hours < c.of_hours ? `, ${c.hours} of ${c.of_hours} hours` : ""; return [one(nice(k) + some, c.now, f), one("· week earlier", c.week_earlier, f)]; };
  for (const p of n.promotions) card(g, `${nice(p.id)}: ${String(p.starts).replace("T", " ")} to ${String(p.ends).replace("T", " ")}${p.budget ? `, discounts ${money(p.spent)} of ${money(p.budget)}` : ""}`).append(table(["", "GMV", "Orders", "Sessions", "New users"], ["before", "during", "after"].flatMap(k => part(p, k, moneyColumn(["before", "during", "after"].flatMap(k => [p[k].now, p[k].week_earlier]).filter(w => w).map(w => w.gmv))))));
}
{ // Baskets
  const some = data.baskets.filter(b => b.rules.length);
  if (!some.length) section("Bought and viewed together").append(el("p", "empty", data.baskets.some(b => b.baskets) ? "No two products are together more often than chance has it, in at least ten baskets." : "No event names products."));
  if (some.length) {
    const g = el("div", "grid"); section("Bought and viewed together", "each pair once; lift: how many times likelier than by chance; all pairs are significant (Fisher's exact test)").append(g);
    for (const b of some) { const c = card(g, `${b.of === "orders" ? "Bought in one order" : "Viewed or bought in one session"} · ${int(b.baskets)} ${b.of}`, "wide");
      c.append(table(["Product", "With", "Baskets", "Support", "Confidence", "Lift"], b.rules.map(r => [r.item_name || r.item, r.with_name || r.with, int(r.both), pct(r.support, 2), pct(r.confidence, 0), r.lift.toFixed(1)]), [0, 1]));
      if (b.pairs_error) c.append(el("p", "note", `The number of baskets may be up to ${int(b.pairs_error)} too low.`)); }
  }
}
{ // Campaigns, and what they brought about
  const s = section("Campaigns", "since the events begin; whether they worked: who got one, against the control group and its holdout; the intervals hold however often one looks");
  const total = o => Object.values(o).reduce((t, k) => t + k, 0), words = o => o.replaceAll("_", " ");
  const uplift = new Map(data.uplift.map(c => [c.campaign, c]));
  const conclusion = k => k.conclusion.replace(/T(\d\d:\d\d)\S*Z/g, " $1 UTC").replace(/^not enough yet: (\d+) of (\d+)$/, "too early: $1 of $2 people a side");
  if (!data.campaigns.length) s.append(el("p", "empty", "The rules define no campaigns."));
  else card(s, null, "uplift").append(table(["Campaign", "Considered", "Sent", "Held back most often by", "Not sent, to measure", "Did it work?"], data.campaigns.map(c => {
    const all = total(c.outcomes), sent = c.outcomes.sent || 0, measured = (c.outcomes.control || 0) + (c.outcomes.holdout || 0);
    const [by] = Object.entries(c.outcomes).filter(([o]) => !["sent", "control", "holdout"].includes(o)).sort((a, b) => b[1] - a[1]);
    const own = uplift.get(c.campaign), goals = own ? own.goals.map(g => `${nice(g.goal)}: ${g.sample_ratio_mismatch ? "groups not comparable" : conclusion(g.comparisons.find(k => k.variant == null) || g.comparisons[0])}`).join("; ") : "it has no goal: nothing is measured";
    return [el("td", "text", nice(c.campaign), ...(c.description ? [el("small", "", c.description)] : [])), int(all), sent ? `${int(sent)} (${pct(sent / all, 0)})` : "0", by ? `${words(by[0])} (${int(by[1])})` : "–", int(measured), el("td", "text", goals)]; }), [0, 5]));
  const range = (i, f) => i ? `${f(i.estimate)} (${f(i.low)} to ${f(i.high)})` : "–", points = v => signed(v * 100, x => x.toFixed(2)) + " pp";
  const some = (i, unit) => { if (!i) return "–"; const d = Math.abs(i.estimate) < 10 ? 2 : Math.abs(i.estimate) < 1000 ? 1 : 0; return range(i, v => signed(v, x => unit === "value" ? amount(x, d) : x.toLocaleString("en", { minimumFractionDigits: d, maximumFractionDigits: d }))); };
  for (const c of data.uplift) {
    const t = card(s, nice(c.campaign) + ": what it brought", "uplift"), rows = [];
    for (const g of c.goals) {
      if (g.sample_ratio_mismatch) t.append(el("p", "note warn", `${nice(g.goal)}: the sizes of the groups contradict their shares: do not compare them.`));
      for (const k of g.comparisons) {
        const name = nice(g.goal) + (k.variant == null ? "" : ` · ${k.variant}`), by = k.measure === "users" ? "users" : "value", units = Object.entries(k.brought_per_unit);
        if (k.treated.n + k.control.n === 0) continue;
        t.append(el("p", k.low > 0 ? "up" : k.high < 0 ? "down" : "", `${name}, by ${by}: ${conclusion(k)}.`));
        rows.push([name, by, k.low == null ? "–" : range({ estimate: k.difference, low: k.low, high: k.high }, k.measure === "users" ? points : v => signed(v, moneyColumn([k.difference, k.low, k.high]))), some(k.brought, by), some(k.brought_per_message, by),
          units.map(([budget, it]) => `${some(it, by)} of ${budget}`).join("; ") || "–", `${int(k.treated.n)} / ${int(k.control.n)}`]);
      }
    }
    if (rows.length) t.append(table(["Goal", "By", "Difference", "Brought", "Per message", "Per unit of budget", "Users with / without"], rows, [0, 1]));
    else t.append(el("p", "empty", "Nobody has been exposed long enough yet to be counted."));
    if (c.costs.length) t.append(note("Spent: " + c.costs.map(x => `${numberColumn([x.spent])(x.spent)} of ${x.budget}`).join(", ") + "."));
  }
}
document.getElementById("footer").textContent = `Made by Rekindle ${data.version} from event files. Charts: Apache ECharts 5.6.0, Apache License 2.0.`;
draw(); dark.addEventListener("change", draw); 

addEventListener("resize", draw);
// In print a chart is scaled to its card: there is no time to draw it again.
const svgs = f => document.querySelectorAll(".chart svg").forEach(f);
addEventListener("beforeprint", () => svgs(s => s.setAttribute("viewBox", `0 0 ${s.getAttribute("width")} ${s.getAttribute("height")}`)));
addEventListener("afterprint", () => svgs(s => s.removeAttribute("viewBox")));
