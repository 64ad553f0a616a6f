"use strict";
const data = JSON.parse(document.getElementById("data").textContent), n = data.numbers;
const main = document.getElementById("main"), dark = matchMedia("(prefers-color-scheme: dark)");
const el = (tag, cls, ...kids) => { const e = document.createElement(tag); if (cls) e.className = cls; e.append(...kids.filter(k => k != null)); return e; };
const int = x => x == null ? "–" : Math.round(x).toLocaleString("en");
const money = x => x == null ? "–" : x.toLocaleString("en", Math.abs(x) < 1000 ? { minimumFractionDigits: 2, maximumFractionDigits: 2 } : { maximumFractionDigits: 0 });
const pct = (x, d = 1) => x == null ? "–" : (x * 100).toFixed(d) + " %";
const signed = (x, f) => (x > 0 ? "+" : x < 0 ? "−" : "") + f(Math.abs(x));
const short = x => Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(x);
const NAMES = { gmv: "GMV", aov: "Average order value", orders_per_buyer: "Orders per buyer" };
const nice = s => NAMES[s] || (s[0].toUpperCase() + s.slice(1)).replaceAll("_", " ");
const isMoney = m => m === "gmv" || m === "revenue", num = m => isMoney(m) ? money : int;
const charts = [];
function section(title, small) { const s = el("section", "", el("h2", "", title, small ? el("small", "", small) : null)); main.append(s); return s; }
function card(parent, title, cls) { const c = el("div", "card " + (cls || ""), title ? el("h3", "", title) : null); parent.append(c); return c; }
function figure(parent, name, value, by, cls) { parent.append(el("div", "card", el("div", "name", name), el("div", "figure", value), by ? el("div", "by " + (cls || ""), by) : null)); }
function table(head, rows, textColumns = [0]) {
  const t = el("table"), tr = el("tr"); head.forEach((h, i) => tr.append(el("th", textColumns.includes(i) ? "text" : "", h))); t.append(el("thead", "", tr));
  const b = el("tbody"); rows.forEach(r => { const tr = el("tr"); r.forEach((c, i) => tr.append(c instanceof Node ? c : el("td", textColumns.includes(i) ? "text" : "", c))); b.append(tr); }); t.append(b);
  return el("div", "scroll", t);
}
function chart(parent, title, option, cls) { const box = el("div", "chart"); card(parent, title, cls).append(box); charts.push({ box, option }); }
const PALETTE = ["#2563eb", "#f59e0b", "#10b981", "#a855f7", "#ef4444", "#14b8a6", "#ec4899", "#84cc16", "#64748b"];
function draw() {
  const css = getComputedStyle(document.documentElement), v = x => css.getPropertyValue(x).trim();
  for (const c of charts) {
    if (c.chart) c.chart.dispose();
    c.chart = echarts.init(c.box, null, { renderer: "svg" });
    const o = c.option(), axis = { axisLine: { lineStyle: { color: v("--line") } }, axisLabel: { color: v("--soft"), hideOverlap: true, alignMinLabel: "left", alignMaxLabel: "right" }, splitLine: { lineStyle: { color: v("--line") } }, axisTick: { show: false } };
    const merge = a => ({ ...axis, ...a, axisLabel: { ...axis.axisLabel, ...(a.axisLabel || {}) } });
    c.chart.setOption({ color: PALETTE, animation: false, textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: v("--ink") },
      grid: { left: 4, right: 10, top: 34, bottom: 4, containLabel: true }, legend: { top: 0, left: 0, itemWidth: 14, itemHeight: 8, textStyle: { color: v("--soft") }, type: "scroll", ...(o.legend || {}) },
      tooltip: { trigger: "axis", backgroundColor: v("--card"), borderColor: v("--line"), textStyle: { color: v("--ink") }, confine: true, valueFormatter: o.value || int },
      ...o, xAxis: merge(o.xAxis), yAxis: merge(o.yAxis) });
  }
}
const complete = n.days.filter(d => d.complete), days = complete.slice(-120), last = complete.at(-1);
const x = days.map(d => d.day);
const line = (name, values, extra) => ({ name, type: "line", showSymbol: false, smooth: .2, lineWidth: 2, data: values, ...extra });
const time = { type: "category", data: x, boundaryGap: false, axisLabel: { formatter: d => d.slice(5) } };
const timeBars = { ...time, boundaryGap: true };
const yaxis = f => ({ type: "value", axisLabel: { formatter: f || short } });
document.getElementById("of").textContent = (complete.length ? `${complete[0].day} to ${last.day}` : n.today) + ` · days of ${n.timezone} · as of ${n.as_of.replace("T", " ").replace(/\.\d+Z/, " UTC")}`;
const growth = r => r && r.rate != null ? [signed(r.rate - 1, v => pct(v)), r.rate >= 1 ? "up" : "down"] : ["", ""];

for (const text of data.notes) main.append(el("p", "note", text));

{ // Key figures
  const s = section("Key figures", last ? `last complete day ${last.day}; growth over the period before` : "no day is complete yet"), g = el("div", "cards"); s.append(g);
  if (last) {
    const a = last.all, u = n.users;
    const grown = (r, what) => { const [t, c] = growth(r); return t ? [`${t} ${what}`, c] : ["", ""]; };
    figure(g, "Daily active users", int(a.active), ...grown(u.active_users.day, "on the day before"));
    figure(g, "Weekly active users", int(a.active_7d), ...grown(u.active_users.week, "on the week before"));
    figure(g, "Monthly active users", int(a.active_30d), ...grown(u.active_users.month, "on the month before"));
    figure(g, "Stickiness", pct(u.stickiness.rate), "DAU over MAU");
    figure(g, "New users, 7 days", int(complete.slice(-7).reduce((t, d) => t + d.all.new_users, 0)), ...grown(u.new_users.week, "on the week before"));
    figure(g, "Known users", short(last.known_users), `${short(last.known_sign_ups)} signed up`);
  }
  figure(g, "Next-day retention", pct(n.retention.day_1.rate), "of the last 30 cohorts"); figure(g, "30-day retention", pct(n.retention.day_30.rate), `7 days: ${pct(n.retention.day_7.rate)}`);
  if (n.commerce) {
    const c = n.commerce.all;
    figure(g, "GMV, 30 days", money(c.gmv), c.revenue == null ? "before refunds" : `net of refunds ${money(c.revenue)}`); figure(g, "Orders, 30 days", int(c.orders), `${int(c.buyers)} buyers`);
    figure(g, "Average order value", money(c.aov), `${(c.orders_per_buyer.rate || 0).toFixed(2)} orders per buyer`);
    figure(g, "Visitor → buyer", pct(c.conversion.rate, 2), "buyers over active users, 30 days");
    if (c.cart_abandonment.whole) figure(g, "Cart abandonment", pct(c.cart_abandonment.rate), "sessions with a cart, 30 days");
    figure(g, "Repeat purchase", pct(n.commerce.repeat_purchase.rate), "of all buyers ever");
  }
}
const outlook = n.outlook.targets;
if (outlook.length) { // Targets
  const g = el("div", "grid"); section("Targets", "forecast with its 95 % interval").append(g);
  for (const t of outlook) {
    const f = num(t.metric), c = card(g, `${nice(t.metric)}: ${f(t.value)} per ${t.period}`), bar = el("div", "bar"), fill = el("i"), mark = el("b");
    fill.style.width = Math.min(100, t.reached / t.value * 100) + "%"; mark.style.left = Math.min(99.5, t.expected / t.value * 100) + "%"; mark.title = "expected by now"; bar.append(fill, mark);
    const cls = { reached: "up", on_track: "up", off_track: "down", warming_up: "warn" }[t.status];
    c.append(bar, el("div", "step", el("span", cls, nice(t.status)), el("span", "", `${f(t.reached)} reached, ${f(t.expected)} expected by now`)));
    c.append(el("p", "note", t.forecast ? `By ${t.ends}: ${f(t.forecast.value)} (${f(Math.max(0, t.forecast.low))} to ${f(t.forecast.high)})` : `${t.history_days} complete days known; a forecast needs ${t.needed_days}`));
  }
}
if (days.length) { // Active users
  const g = el("div", "grid"); section("Users").append(g);
  chart(g, "Active users", () => ({ xAxis: time, yAxis: yaxis(), series: [line("DAU", days.map(d => d.all.active), { areaStyle: { opacity: .12 } }), line("WAU", days.map(d => d.all.active_7d)), line("MAU", days.map(d => d.all.active_30d))] }));
  const order = n.channels.map((name, i) => [name, i]).filter(([, i]) => days.some(d => d.by_channel[i].new_users));
  chart(g, "New users by first-touch channel", () => ({ xAxis: timeBars, yAxis: yaxis(), series: order.map(([name, i]) => ({ name, type: "bar", stack: "a", barCategoryGap: "15%", data: days.map(d => d.by_channel[i].new_users) })) }));
}
function triangle(cohorts, label, max) {
  const width = Math.min(max, Math.max(...cohorts.map(c => c.active.length))), head = [label, "Users"], top = Math.max(...cohorts.flatMap(c => c.active.slice(1).map(a => c.users ? a / c.users : 0)), .0001);
  for (let k = 1; k < width; k++) head.push(String(k));
  const rows = cohorts.map(c => [c.start, int(c.users), ...Array.from({ length: width - 1 }, (_, i) => {
    const a = c.active[i + 1]; if (a == null) return el("td"); const r = c.users ? a / c.users : 0, td = el("td", "cell", c.users ? (r * 100).toFixed(r < .1 ? 1 : 0) : "");
    td.style.background = `rgba(var(--heat), ${(.06 + .74 * Math.sqrt(r / top)).toFixed(3)})`; td.title = `${int(a)} of ${int(c.users)}`; if (Math.sqrt(r / top) > .62) td.style.color = "#fff"; return td; })]);
  const t = table(head, rows); t.classList.add("cohorts"); return t;
}
{ // Retention
  const s = section("Retention", "per cent of each cohort that came back"), g = el("div", "grid"); s.append(g);
  const closed = n.retention.days.filter(c => c.users), byWeek = n.retention.weeks.filter(c => c.users);
  const curve = Array.from({ length: 31 }, (_, k) => { let a = 0, u = 0; for (const c of closed) if (c.active.length > k) { a += c.active[k]; u += c.users; } return u ? a / u : null; });
  if (byWeek.length) card(g, "Cohorts by week: active n weeks later").append(triangle(byWeek.slice(-14), "Week of", 6));
  if (closed.length) chart(g, "Retention curve: active on the n-th day after the first", () => ({ value: v => pct(v, 2), legend: { show: false }, xAxis: { type: "category", data: curve.slice(1).map((_, i) => i + 1), boundaryGap: true }, yAxis: yaxis(v => pct(v, Math.max(...curve.slice(1)) < .1 ? 1 : 0)), series: [{ name: "retention", type: "bar", itemStyle: { borderRadius: [3, 3, 0, 0] }, data: curve.slice(1) }] }));
  if (closed.length) card(g, "Cohorts by day: active n days later", "wide").append(triangle(closed.slice(-30), "Day", 31));
}
if (n.funnels.length) { // Funnels
  const g = el("div", "grid"); section("Funnels", "the last 30 complete days").append(g);
  for (const f of n.funnels) {
    const c = card(g, nice(f.id)), first = f.steps[0].users || 1;
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
  chart(g, "Users by stage at the end of the day", () => ({ xAxis: time, yAxis: yaxis(), series: n.stages.map((name, i) => line(nice(name), days.map(d => d.stage_sizes[i]), { stack: "a", areaStyle: { opacity: .5 }, lineStyle: { width: 1 } })) }));
  const flows = (last ? last.flows : []).filter(f => f.from !== "outside").sort((a, b) => b.users - a.users).slice(0, 12);
  if (flows.length) card(g, "Moves between stages on the last complete day").append(table(["From", "To", "Users"], flows.map(f => [nice(f.from), nice(f.to), int(f.users)]), [0, 1]));
}
if (n.commerce) { // Commerce
  const g = el("div", "grid"); section("Commerce").append(g);
  chart(g, "GMV by day", () => ({ value: money, xAxis: timeBars, yAxis: yaxis(), series: [["New buyers", d => d.all.gmv_new], ["Returning buyers", d => d.all.gmv - d.all.gmv_new]].map(([name, of]) => ({ name, type: "bar", stack: "a", barCategoryGap: "15%", data: days.map(of) })) }));
  chart(g, "Orders and buyers by day", () => ({ xAxis: time, yAxis: yaxis(), series: [line("Orders", days.map(d => d.all.orders), { areaStyle: { opacity: .12 } }), line("Buyers", days.map(d => d.all.buyers))] }));
  const rows = n.commerce.by_channel.map((c, i) => [n.channels[i], c]).filter(([, c]) => c.orders || c.conversion.whole).sort((a, b) => b[1].gmv - a[1].gmv);
  card(g, "By first-touch channel, 30 days", "wide").append(table(["Channel", "GMV", "Orders", "AOV", "Conversion", "Coupons"], rows.map(([name, c]) => [name, money(c.gmv), int(c.orders), money(c.aov), pct(c.conversion.rate, 2), pct(c.coupon_share.rate)])));
  if (n.commerce.categories.length) card(g, "Top categories by GMV, 30 days").append(table(["Category", "GMV", "Orders"], n.commerce.categories.map(c => [c.category, money(c.gmv), int(c.orders)])), n.commerce.category_error ? el("p", "note", `Each value may be up to ${money(n.commerce.category_error)} too low.`) : "");
}
if (data.moved) { // Change of a metric
  const m = data.moved, f = num(m.metric), g = el("div", "grid tables"), w = w => w.first === w.last ? w.first : `${w.first} to ${w.last}`;
  section(`Why ${nice(m.metric)} changed`, `${f(m.before)} (${w(m.from)}) → ${f(m.after)} (${w(m.to)}): ${signed(m.change, f)}`).append(g);
  const parts = (title, split) => {
    const own = split.parts.filter(p => p.contribution || p.before || p.after), top = Math.max(...own.map(p => Math.abs(p.contribution)), 1e-9);
    const some = v => v == null ? "–" : Math.abs(v) >= 1000 ? money(v) : v.toLocaleString("en", { maximumFractionDigits: 2 });
    card(g, title).append(table(["", "Before", "After", "Contribution", ""], own.map(p => {
      const td = el("td"), bar = el("div"); bar.style.cssText = `width:${(Math.abs(p.contribution) / top * 70).toFixed(1)}px;height:10px;border-radius:3px;background:var(${p.contribution < 0 ? "--bad" : "--good"})`; td.append(bar);
      return [nice(p.name), some(p.before), some(p.after), el("td", p.contribution < 0 ? "down" : "up", signed(p.contribution, f)), td]; })));
  };
  if (m.factors) parts("By factor", m.factors); if (m.by_buyer) parts("By new and returning buyers", m.by_buyer);
  parts("By first-touch channel", m.by_channel);
  if (m.by_category && m.by_category.parts.filter(p => p.before || p.after).length > 1) parts("By category", { parts: m.by_category.parts.slice(0, 12) });
}
{ // Trend
  const shown = data.trends.filter(t => t.bands.some(b => b));
  if (shown.length) {
    const g = el("div", "grid"); section("Anomalies", "by the hour, the last 14 days; the band is the usual range, and a slump is three hours that together are below it").append(g);
    for (const t of shown) {
      const f = num(t.metric), [d, h] = t.first.split("T"), start = Date.parse(d + "T" + h + ":00:00Z"), xs = t.values.map((_, i) => new Date(start + i * 36e5).toISOString().slice(5, 13).replace("T", " ") + "h");
      const b = i => t.bands.map(b => b && b[i]), flagged = t.bands.filter(b => b && b[3]).length;
      chart(g, `${nice(t.metric)}: ${flagged ? flagged + (flagged > 1 ? " anomalous hours" : " anomalous hour") : "no anomalies"}`, () => ({ value: v => v == null ? "–" : f(v), legend: { show: false }, xAxis: { type: "category", data: xs, boundaryGap: false }, yAxis: yaxis(), series: [
        { name: "lower edge", type: "line", stack: "band", symbol: "none", lineStyle: { opacity: 0 }, data: b(1) }, { name: "width of the band", type: "line", stack: "band", symbol: "none", lineStyle: { opacity: 0 }, areaStyle: { color: "#64748b", opacity: .18 }, data: t.bands.map(b => b && b[2] - b[1]) },
        line("value", t.values, { color: PALETTE[0], lineStyle: { width: 1.5 }, smooth: 0 }), { name: "anomaly", type: "line", lineStyle: { opacity: 0 }, color: "#ef4444", symbol: "circle", symbolSize: 8, showSymbol: true, showAllSymbol: true, data: t.values.map((v, i) => t.bands[i] && t.bands[i][3] ? v : null) }] }));
    }
  } else { section("Anomalies").append(el("p", "note", "Anomalies are detected once there are six weeks and a day of data.")); }
}
if (n.promotions.length) { // Promotions
  const g = el("div", "grid"); section("Promotions", "each window beside the same hours a week earlier").append(g);
  const one = (name, w) => [name, ...(w ? [money(w.gmv), int(w.orders), int(w.sessions), int(w.new_users)] : ["–", "–", "–", "–"])];
  const part = (p, k) => { const c = p[k], some = c.hours && c.hours < c.of_hours ? `, ${c.hours} of ${c.of_hours} hours` : ""; return [one(nice(k) + some, c.now), one("· week earlier", c.week_earlier)]; };
  for (const p of n.promotions) card(g, `${nice(p.id)}: ${p.starts} to ${p.ends}${p.budget ? `, discounts ${money(p.spent)} of ${money(p.budget)}` : ""}`).append(table(["", "GMV", "Orders", "Sessions", "New users"], ["before", "during", "after"].flatMap(k => part(p, k))));
}
{ // Baskets
  const some = data.baskets.filter(b => b.rules.length);
  if (some.length) {
    const g = el("div", "grid"); section("Bought and viewed together", "each pair once; lift: how many times likelier than by chance; all pairs are significant (Fisher's exact test)").append(g);
    for (const b of some) { const c = card(g, `${b.of === "orders" ? "Bought in one order" : "Viewed or bought in one session"} · ${int(b.baskets)} ${b.of}`, "wide");
      c.append(table(["Product", "With", "Baskets", "Support", "Confidence", "Lift"], b.rules.map(r => [r.item_name || r.item, r.with_name || r.with, int(r.both), pct(r.support, 2), pct(r.confidence, 0), r.lift.toFixed(1)]), [0, 1]));
      if (b.pairs_error) c.append(el("p", "note", `The number of baskets may be up to ${int(b.pairs_error)} too low.`)); }
  }
}
if (data.uplift.length) { // What campaigns brought about
  const s = section("Did campaigns work?", "who got a campaign compared with the control group and its holdout; the intervals hold however often one looks");
  const range = (i, f) => i ? `${f(i.estimate)} (${f(i.low)} to ${f(i.high)})` : "–", points = v => signed(v * 100, x => x.toFixed(2)) + " pp";
  const some = i => range(i, v => signed(v, x => x.toLocaleString("en", { minimumFractionDigits: 0, maximumFractionDigits: i && Math.abs(i.estimate) < 10 ? 4 : 1 })));
  for (const c of data.uplift) {
    const t = card(s, nice(c.campaign), "uplift"), rows = [];
    for (const g of c.goals) {
      if (g.sample_ratio_mismatch) t.append(el("p", "note warn", `${nice(g.goal)}: the sizes of the groups contradict their shares: do not compare them.`));
      for (const k of g.comparisons) {
        const name = nice(g.goal) + (k.variant == null ? "" : ` · ${k.variant}`), by = k.measure === "users" ? "users" : "value", units = Object.entries(k.brought_per_unit);
        t.append(el("p", k.low > 0 ? "up" : k.high < 0 ? "down" : "", `${name}, by ${by}: ${k.conclusion.replace(/T(\d\d:\d\d)\S*Z/g, " $1 UTC")}.`));
        rows.push([name, by, k.low == null ? "–" : range({ estimate: k.difference, low: k.low, high: k.high }, k.measure === "users" ? points : v => signed(v, money)), some(k.brought), some(k.brought_per_message),
          units.map(([budget, it]) => `${some(it)} of ${budget}`).join("; ") || "–", `${int(k.treated.n)} / ${int(k.control.n)}`]);
      }
    }
    t.append(table(["Goal", "By", "Difference", "Brought", "Per message", "Per unit of budget", "Users with / without"], rows, [0, 1]));
    if (c.costs.length) t.append(el("p", "note", "Spent: " + c.costs.map(x => `${money(x.spent)} of ${x.budget}`).join(", ") + "."));
  }
}
document.getElementById("footer").textContent = `Made by Rekindle ${data.version} from event files. Charts: Apache ECharts 5.6.0, Apache License 2.0.`;
draw(); dark.addEventListener("change", draw); 

addEventListener("resize", () => charts.forEach(c => c.chart.resize()));
// In print a chart is scaled to its card: there is no time to draw it again.
const svgs = f => document.querySelectorAll(".chart svg").forEach(f);
addEventListener("beforeprint", () => svgs(s => s.setAttribute("viewBox", `0 0 ${s.getAttribute("width")} ${s.getAttribute("height")}`)));
addEventListener("afterprint", () => svgs(s => s.removeAttribute("viewBox")));
