"use strict";
const data = JSON.parse(document.getElementById("data").textContent), r = data.report, d = r.differences;
const main = document.getElementById("main"), dark = matchMedia("(prefers-color-scheme: dark)");
const el = (tag, cls, ...kids) => { const e = document.createElement(tag); if (cls) e.className = cls; e.append(...kids.filter(k => k != null)); return e; };
const int = x => x == null ? "–" : Math.round(x).toLocaleString("en");
const amount = x => x == null ? "–" : Number(x).toLocaleString("en", { maximumFractionDigits: 2 });
const short = x => Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(x);
const signed = x => x > 0 ? "+" + int(x) : x < 0 ? "−" + int(-x) : "±0";
const change = (a, b) => b && a !== b ? ` (${a < b ? "−" : "+"}${Math.abs((a / b - 1) * 100).toFixed(1)} %)` : "";
const people = x => x === 1 ? "1 person" : int(x) + " people";
const nth = (both, f) => [both.new, both.old].map(x => x == null ? null : f(x));
const charts = [];
function section(title, small) { const s = el("section", "", el("h2", "", title, small ? el("small", "", small) : null)); main.append(s); return s; }
function card(parent, title, cls) { const c = el("div", "card " + (cls || ""), title ? el("h3", "", title) : null); parent.append(c); return c; }
function figure(parent, name, [a, b], by) {
  const note = d && b != null ? `${signed((a || 0) - b)}${change(a || 0, b)} against ${int(b)}` : by;
  parent.append(el("div", "card", el("div", "name", name), el("div", "figure", int(a)), note ? el("div", "by", note) : null));
}
function table(head, rows) {
  const t = el("table"), tr = el("tr"); head.forEach((h, i) => tr.append(el("th", i ? "" : "text", h))); t.append(el("thead", "", tr));
  const b = el("tbody"); rows.forEach(row => { const tr = el("tr"); row.forEach((c, i) => tr.append(el("td", i ? "" : "text", c))); b.append(tr); }); t.append(b);
  return el("div", "scroll", t);
}
function chart(parent, title, option, cls) { const box = el("div", "chart"); box.setAttribute("role", "img"); box.setAttribute("aria-label", title); card(parent, title, cls).append(box); const c = { box, option }; charts.push(c); return c; }
const PALETTE = ["#2563eb", "#f59e0b", "#10b981", "#a855f7", "#ef4444", "#14b8a6", "#ec4899", "#84cc16", "#64748b"];
function draw(only) {
  const css = getComputedStyle(document.documentElement), v = x => css.getPropertyValue(x).trim();
  for (const c of only || charts) {
    if (c.chart) c.chart.dispose();
    c.chart = echarts.init(c.box, null, { renderer: "svg" });
    const o = c.option(), axis = { axisLine: { lineStyle: { color: v("--line") } }, axisLabel: { color: v("--soft"), hideOverlap: true, alignMinLabel: "left", alignMaxLabel: "right" }, splitLine: { lineStyle: { color: v("--line") } }, axisTick: { show: false } };
    const merge = a => ({ ...axis, ...a, axisLabel: { ...axis.axisLabel, ...(a.axisLabel || {}) } });
    c.chart.setOption({ color: PALETTE, animation: false, textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: v("--ink") },
      grid: { left: 4, right: 12, top: 34, bottom: 4, containLabel: true }, legend: { top: 0, left: 0, itemWidth: 14, itemHeight: 8, textStyle: { color: v("--soft") }, type: "scroll" },
      tooltip: { trigger: "axis", backgroundColor: v("--card"), borderColor: v("--line"), textStyle: { color: v("--ink") }, confine: true, valueFormatter: int },
      ...o, xAxis: merge(o.xAxis), yAxis: merge({ type: "value", minInterval: 1, axisLabel: { formatter: short } }) });
  }
}
const dates = new Intl.DateTimeFormat("en-CA", { timeZone: zone(), year: "numeric", month: "2-digit", day: "2-digit" }), clocks = new Intl.DateTimeFormat("en-GB", { timeZone: zone(), hour: "2-digit", minute: "2-digit" });
function zone() { try { Intl.DateTimeFormat("en", { timeZone: r.timezone }); return r.timezone; } catch { return "UTC"; } }
const steps = r.steps.map(s => { const at = new Date(s); return r.step === "hour" ? `${dates.format(at)} ${clocks.format(at)}` : dates.format(at); });
const stepAxis = bars => ({ type: "category", data: steps, boundaryGap: bars, axisLabel: { formatter: s => r.step === "hour" ? s.slice(5) : s } });
const line = (name, values, extra) => ({ name, type: "line", showSymbol: steps.length < 3, data: values, ...extra });
const both = (a, b, extra = {}) => [line("new", a || steps.map(() => 0), { areaStyle: { opacity: .1 }, ...extra }), ...(d ? [line("old", b || steps.map(() => 0), { lineStyle: { type: "dashed" }, ...extra })] : [])];
const when = s => s ? s.replace("T", " ").replace(/(:00)?\.000Z/, " UTC") : null;
const edit = e => el("div", "edit", e.place, e.old != null ? el("del", "", e.old) : null, e.new != null ? el("ins", "", e.new) : null);

document.getElementById("of").textContent = `${when(r.from) || "first event"} to ${when(r.to) || "end"} · ${int(r.events)} events · ${people(r.people)} · days of ${r.timezone}`;
if (!r.events) main.append(el("p", "lead", "There was no event, so there is nothing to say."));
else if (d && !(d.exact + d.after)) main.append(el("p", "lead", "Nothing would have been otherwise."));
else if (d) {
  main.append(el("p", "lead", `For ${people(d.people)} something would have been otherwise: ${int(d.more_messages)} would have got more messages, ${int(d.fewer_messages)} fewer.`));
  main.append(el("p", "note", d.note));
  if (d.people_noticing_before) main.append(el("p", "note", `${people(d.people_noticing_before)} had noticed a difference before the counting began: nothing of theirs is exact.`));
}
if (r.events) { // Key figures
  const g = el("div", "cards"), m = r.messages; section("Key figures", d ? "new rules, and the change" : "").append(g);
  figure(g, "Messages", nth(m, x => x.messages), "decisions with the outcome sent");
  figure(g, "People who got any", nth(m, x => x.people), `of ${int(r.people)}`);
  figure(g, "99 in 100 got at most", nth(m, x => x.p99), "messages each");
  figure(g, "The most that one got", nth(m, x => x.max), "messages");
  if (d) { const c = (name, x, by) => g.append(el("div", "card", el("div", "name", name), el("div", "figure", int(x)), el("div", "by", by)));
    c("Differences, exact", d.exact, "until the person notices one"); c("Differences after that", d.after, "people might have behaved otherwise"); c("People who notice", d.people_noticing, `of ${int(d.people)} for whom anything differs`); }
}
if (r.edits.length && d) { // What was edited
  const s = section("What was edited", `${r.edits.length} ${r.edits.length === 1 ? "key" : "keys"}`), c = card(s), more = r.edits.slice(8);
  r.edits.slice(0, 8).forEach(e => c.append(edit(e)));
  if (more.length) c.append(el("details", "", el("summary", "", `${more.length} more`), ...more.map(edit)));
}
function name(k) {
  const of = k.of ? ` (${k.of})` : "", what = k.new != null && k.old != null ? (k.new === k.old ? `${k.new}, but otherwise` : `${k.new} instead of ${k.old}`) : k.new != null ? `${k.new}, new` : `${k.old}, gone`;
  return `${k.kind} ${k.id}${of}: ${what}`;
}
function difference(k) {
  const c = el("div", "card difference", el("h3", "", el("b", k.new === "sent" ? "up" : k.old === "sent" ? "down" : "", int(k.exact)), el("span", "", name(k)), k.after ? el("small", "people", `and ${int(k.after)} after`) : null), el("p", "", k.reason[0].toUpperCase() + k.reason.slice(1) + "."));
  k.because.forEach(e => c.append(edit(e)));
  if (k.people.length) c.append(el("p", "people", (k.people_are_after ? "For instance, after they noticed a difference: " : "For instance: ") + k.people.map(p => `${p.user}${p.key ? ` (${p.key})` : ""} on ${when(p.at)}`).join(" · ")));
  return c;
}
if (d && d.kinds.length) { // What differs
  const s = section("What differs, and why", "messages first"), more = d.kinds.slice(8);
  s.append(el("div", "grid", ...d.kinds.slice(0, 8).map(difference)));
  if (more.length) s.append(el("details", "", el("summary", "", `${more.length} more kinds`), el("div", "grid", ...more.map(difference))));
  s.append(el("p", "note", "To look at a person: rekindle explain --rules RULES --user USER --until AT EVENTS, with the new rules and with the old ones."));
}
if (r.campaigns.length) { // Campaigns
  const s = section("Campaigns", `by ${r.step}`), g = el("div", "grid"); s.append(g);
  chart(g, "Messages", () => ({ xAxis: stepAxis(false), series: both(r.messages.new && r.messages.new.over_time, r.messages.old && r.messages.old.over_time) }));
  chart(g, "Messages to each person", () => {
    const rows = new Map(); [r.messages.new, r.messages.old].forEach((m, i) => m && m.distribution.forEach(x => { const key = x.messages + (x.or_more ? "+" : ""); if (!rows.has(key)) rows.set(key, [x.messages, 0, 0]); rows.get(key)[i + 1] = x.people; }));
    const sorted = [...rows].sort((a, b) => a[1][0] - b[1][0]);
    return { xAxis: { type: "category", data: sorted.map(x => x[0]), name: "messages", nameLocation: "middle", nameGap: 26 }, grid: { left: 4, right: 12, top: 34, bottom: 30, containLabel: true }, series: [{ name: "people, new", type: "bar", data: sorted.map(x => x[1][1]) }, ...(d ? [{ name: "people, old", type: "bar", data: sorted.map(x => x[1][2]) }] : [])] };
  });
  const rows = r.campaigns.flatMap(c => {
    const outcomes = [...new Set(["sent", ...Object.keys(c.outcomes.new || {}).sort(), ...Object.keys(c.outcomes.old || {}).sort()])];
    return outcomes.map(o => { const [a, b] = nth(c.outcomes, x => x[o] || 0); return [`${c.campaign}: ${o.replaceAll("_", " ")}`, int(a), ...(d ? [int(b), signed((a || 0) - (b || 0))] : [])]; });
  });
  card(g, "Decisions", "wide").append(table(["Campaign and outcome", "New", ...(d ? ["Old", "Change"] : [])], rows));
  const pick = el("select", ""), holder = card(g, "One campaign over time", "wide"), box = el("div", "chart"); pick.setAttribute("aria-label", "Campaign");
  r.campaigns.forEach((c, i) => { const o = el("option", "", c.campaign); o.value = i; pick.append(o); }); holder.append(pick, box);
  const one = { box, option: () => { const c = r.campaigns[pick.value || 0], names = [...new Set([...Object.keys(c.over_time.new || {}), ...Object.keys(c.over_time.old || {})])].sort((a, b) => (b === "sent") - (a === "sent"));
    const zero = steps.map(() => 0); if (!names.length) names.push("sent");
    return { xAxis: stepAxis(false), series: names.slice(0, 5).flatMap((o, i) => both((c.over_time.new || {})[o] || zero, (c.over_time.old || {})[o] || zero, { color: PALETTE[i], areaStyle: null }).map(x => ({ ...x, name: `${o.replaceAll("_", " ")}${d ? ", " + x.name : ""}` }))) }; } };
  charts.push(one); pick.onchange = () => draw([one]);
}
if (r.segments.length) { // Segments
  const s = section("Segments", `sizes at the end of each ${r.step}`), g = el("div", "grid"); s.append(g);
  const rows = r.segments.map(x => { const [a, b] = nth(x.figures, f => f.size), e = nth(x.figures, f => f.entered), m = x.members; return [x.segment, int(a), ...(d ? [int(b), signed((a || 0) - (b || 0)), int(m.only_new), int(m.only_old)] : []), int(e[0]), ...(d ? [int(e[1])] : [])]; });
  card(g, "At the end", "wide").append(table(["Segment", "New", ...(d ? ["Old", "Change", "In only by new", "In only by old"] : []), "Entered", ...(d ? ["Entered, old"] : [])], rows));
  const shown = [...r.segments].sort((a, b) => moved(b) - moved(a)).slice(0, 8);
  shown.forEach(x => chart(g, x.segment, () => ({ xAxis: stepAxis(false), series: both(x.sizes.new, x.sizes.old) })));
  if (r.segments.length > shown.length) s.append(el("p", "note", `Charts of the ${shown.length} segments that differ most; all ${r.segments.length} are in the table.`));
}
function moved(x) { const [a, b] = nth(x.figures, f => f.size + f.entered); return Math.abs((a || 0) - (d ? b || 0 : 0)); }
if (r.budgets.length || r.ledgers.length || r.goals.length) { // Money, points, goals
  const g = el("div", "grid tables"); section("Money, points and goals").append(g);
  const head = name => [name, "New", ...(d ? ["Old"] : [])], cells = xs => xs.slice(0, d ? 2 : 1);
  if (r.budgets.length) card(g, "Budgets").append(table(head("Budget"), r.budgets.flatMap(b => ["spent", "reserved", "released"].map(k => [`${b.budget}: ${k}`, ...cells(nth(b.figures, f => f[k]).map(amount))]))));
  if (r.ledgers.length) card(g, "Points").append(table(head("Ledger"), r.ledgers.flatMap(l => [...["earned", "spent", "refused", "expired"].map(k => [`${l.ledger}: ${k}`, ...cells(nth(l.figures, f => f.points[k]).map(amount))]), [`${l.ledger}: balance at the end`, ...cells(nth(l.figures, f => f.balance).map(amount))]])));
  if (r.goals.length) card(g, "Goals reached, of exposures").append(table(head("Campaign, goal and group"), r.goals.flatMap(x => [[`${x.campaign}, ${x.goal} (${x.group})`, ...cells(nth(x.figures, f => `${int(f.reached)} of ${int(f.exposures)}`).map(v => v || "–"))], [`${x.campaign}, ${x.goal} (${x.group}): value`, ...cells(nth(x.figures, f => f.value).map(amount))]])));
}
document.getElementById("footer").textContent = `Rekindle ${data.version} · rules ${r.rules.new}${r.rules.old ? ` against ${r.rules.old}` : ""}` + (r.rejected ? ` · ${int(r.rejected)} events were rejected` : "");
draw(); dark.addEventListener("change", () => draw()); addEventListener("resize", () => charts.forEach(c => c.chart && c.chart.resize()));
