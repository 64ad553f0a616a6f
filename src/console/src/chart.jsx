// Charts over time: uPlot, in the page's colours, with a table of the same numbers for who can't see it.
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { day, instant, short } from './format.js';

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const DAY = 86_400;
/** The days that are labelled: Mondays, or all of a few; as many as fit. */
function labelled(x, width) {
  const mondays = x.filter((at) => new Date(at * 1000).getUTCDay() === 1);
  const from = x.length > 10 && mondays.length ? mondays : x;
  const step = Math.max(1, Math.ceil(from.length / Math.max(1, Math.floor((width - 60) / 84))));
  return from.filter((_, index) => (from.length - 1 - index) % step === 0);
}
/** With the weekday where each day is labelled, and with the year where the days are of several. */
function dayLabel(at, x) {
  const year = (seconds) => new Date(seconds * 1000).getUTCFullYear();
  const parts = { ...(x.length <= 10 ? { weekday: 'short' } : {}), day: 'numeric', month: 'short', timeZone: 'UTC' };
  const label = new Intl.DateTimeFormat('en-GB', parts).format(new Date(at * 1000)).replace(',', '');
  return year(x[0]) === year(x.at(-1)) ? label : `${label}\n${year(at)}`;
}

/** Options of uPlot for these series. `days`: the x values are days, shown as such whatever the browser's zone. */
function options({ x, series, format, short: ofAxis, days, width, height, kind }) {
  const axis = { stroke: color('--soft'), grid: { stroke: color('--line'), width: 1 }, ticks: { show: false }, font: '12px system-ui, sans-serif' };
  const bars = kind === 'bars' ? { paths: uPlot.paths.bars({ size: [0.7, 40] }) } : {};
  const shade = (one, index) => ({
    label: one.name,
    stroke: color(`--series-${(one.color ?? index) % 6}`),
    fill: kind === 'bars' || one.fill ? `${color(`--series-${(one.color ?? index) % 6}`)}33` : undefined,
    dash: one.dash,
    width: one.faint ? 0 : 2,
    points: { show: one.values.length < 3 },
    value: (_, value) => (value == null ? '–' : format(value)),
    ...bars,
  });
  const band = series.findIndex((one) => one.band);
  return {
    width,
    height,
    tzDate: days ? (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'UTC') : undefined,
    cursor: { points: { size: 7 }, drag: { x: false, y: false } },
    legend: { live: true },
    axes: [
      days ? { ...axis, splits: (chart) => labelled(x(), chart.width), values: (_, splits) => splits.map((at) => dayLabel(at, x())) } : { ...axis, space: 90, values: [
        [86_400 * 365, '{YYYY}', null, null, null, null, null, null, 1],
        [86_400 * 28, '{MMM}', '\n{YYYY}', null, null, null, null, null, 1],
        [86_400, '{D} {MMM}', '\n{YYYY}', null, null, null, null, null, 1],
        [3_600, '{HH}:{mm}', '\n{D} {MMM}', null, '\n{D} {MMM}', null, null, null, 1],
        [1, '{HH}:{mm}:{ss}', '\n{D} {MMM}', null, '\n{D} {MMM}', null, null, null, 1],
      ] },
      { ...axis, size: 56, values: (_, values) => values.map((value) => (value == null ? '' : ofAxis(value))) },
    ],
    series: [{ label: days ? 'Day' : 'Time', value: (_, at) => (at == null ? '–' : days ? day(new Date(at * 1000).toISOString()) : instant(at * 1000)) }, ...series.map(shade)],
    bands: band < 0 ? [] : [{ series: [band + 1, band + 2], fill: `${color('--series-0')}26` }],
    // Bars stand around their instant, and labels around their day: half a day more on both sides shows the outer ones whole.
    scales: { x: kind === 'bars' || days ? { range: (_, low, high) => [low - DAY / 2, high + DAY / 2] } : {}, y: { range: (_, low, high) => (low == null ? [0, 1] : [Math.min(0, low), high > 0 ? high * 1.08 : low < 0 ? 0 : 1]) } },
  };
}

/** `x`: seconds since 1970; `series`: name, values; `why`: why there is nothing to see, where all values are missing or 0. */
export function Chart({ why, ...shown }) {
  const isEmpty = why && !shown.series.some((one) => one.values.some(Boolean));
  return isEmpty ? <p class="empty">{why}</p> : <Drawn {...shown} />;
}

/** Drawn again when the width or the theme changes. */
function Drawn({ label, x, series, format = short, short: ofAxis = short, days = false, height = 220, kind = 'lines' }) {
  const latest = useRef(x);
  latest.current = x;
  const box = useRef(null);
  const chart = useRef(null);
  const drawn = useRef('');
  const [, themed] = useState(0);
  useEffect(() => {
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const redraw = () => { drawn.current = ''; themed((n) => n + 1); };
    dark.addEventListener('change', redraw);
    const resized = new ResizeObserver(() => {
      const width = box.current?.clientWidth;
      if (width && chart.current && chart.current.width !== width) chart.current.setSize({ width, height });
    });
    resized.observe(box.current);
    return () => { dark.removeEventListener('change', redraw); resized.disconnect(); chart.current?.destroy(); chart.current = null; };
  }, []);
  useEffect(() => {
    const data = [x, ...series.map((one) => one.values)];
    const shape = JSON.stringify([series.map((one) => [one.name, one.color]), days, kind, height]);
    if (chart.current && drawn.current === shape) { chart.current.setData(data); return; }
    chart.current?.destroy();
    chart.current = new uPlot(options({ x: () => latest.current, series, format, short: ofAxis, days, kind, height, width: box.current.clientWidth || 320 }), data, box.current);
    drawn.current = shape;
  });
  return (
    <figure class="chart">
      <div ref={box} role="img" aria-label={label} />
      <details class="numbers"><summary>The numbers</summary><Numbers x={x} series={series} format={format} days={days} label={label} /></details>
    </figure>
  );
}

function Numbers({ x, series, format, days, label }) {
  const from = Math.max(0, x.length - 60);
  const rows = x.slice(from).map((at, index) => [at, index + from]).reverse();
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={`${label}: the numbers`}>
      <table>
        <thead><tr><th scope="col">{days ? 'Day' : 'Time'}</th>{series.map((one) => <th scope="col" class="number">{one.name}</th>)}</tr></thead>
        <tbody>
          {rows.map(([at, index]) => (
            <tr><td>{days ? day(new Date(at * 1000).toISOString()) : instant(at * 1000)}</td>{series.map((one) => <td class="number">{one.values[index] == null ? '–' : format(one.values[index])}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The seconds of a day, `2026-03-05`. */
export const daySeconds = (text) => Date.parse(`${text}T00:00:00Z`) / 1000;
