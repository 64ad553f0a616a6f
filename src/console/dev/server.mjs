// For work on the console: serves dist/ as the daemon does, and hands everything else on to a daemon that runs.
// node dev/server.mjs PORT http://127.0.0.1:9464 [--flood N]: PORT 0 is a free one, and the address is printed; with --flood, /v1/live
// is N made-up transitions a second.
import { createServer, request } from 'node:http';
import { readFile } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [port, daemon, option, rate] = process.argv.slice(2);
const dist = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist');
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml' };
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Transitions at a rate, and how many there were in each second. */
function flood(answer, perSecond) {
  answer.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  let number = 0;
  const batch = Math.ceil(perSecond / 20);
  const timer = setInterval(() => {
    let text = '';
    for (let i = 0; i < batch; i += 1) {
      number += 1;
      text += `event: transition\ndata: ${JSON.stringify({ kind: 'transition', user: `u${number}`, segment: 'active', change: number % 2 ? 'enter' : 'exit', at: new Date().toISOString(), cause: 'time' })}\n\n`;
    }
    if (number % perSecond < batch) text += `event: rates\ndata: ${JSON.stringify({ events: perSecond, transitions: perSecond, decisions: 0, lag_ms: 3, watermark: new Date().toISOString(), ready: true, reasons: [] })}\n\n`;
    answer.write(text);
  }, 50);
  answer.on('close', () => clearInterval(timer));
}

const server = createServer(async (asked, answer) => {
  const name = asked.url === '/' ? '/index.html' : asked.url;
  if (option === '--flood' && name.startsWith('/v1/live')) return flood(answer, Number(rate));
  if (/^\/[\w.-]+\.(html|js|css|svg)$/.test(name)) {
    const content = await readFile(join(dist, name)).catch(() => null);
    if (content) return answer.writeHead(200, { 'Content-Type': TYPES[extname(name)], 'Content-Security-Policy': POLICY, 'Cache-Control': 'no-cache' }).end(content);
  }
  const { host } = new URL(daemon);
  const headers = { ...asked.headers, host };
  if (headers.origin) headers.origin = daemon;
  const on = request(new URL(asked.url, daemon), { method: asked.method, headers }, (found) => {
    answer.writeHead(found.statusCode, found.headers);
    found.pipe(answer);
  });
  on.on('error', () => answer.writeHead(502).end());
  asked.pipe(on);
}).listen(Number(port), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
