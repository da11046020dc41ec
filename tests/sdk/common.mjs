// What the scripts of this folder share: the world they run in (told by the test as JSON), a merchant's notification
// endpoint, the payer's hand, and steps that are printed as they succeed.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { createServer } from 'node:http';

/** `{ rail: { http, https }, control, files, settings }`, written by the Rust test that starts the mock rails. */
export const world = JSON.parse(process.env.PAIFANG_SDK_WORLD);

/** Loads a published package from where the test suite has installed it. */
export const load = createRequire(`${process.env.PAIFANG_NODE_MODULES}/anchor.js`);

let done = 0;

/** Prints a step that has come true; the Rust test compares the list with what it expects. */
export function step(text) {
  done += 1;
  console.log(`ok ${text}`);
}

/** Fails the script unless at least one step was taken. */
export function finish() {
  assert.ok(done > 0, 'no step was taken');
  console.log(`done ${done}`);
  process.exit(0);
}

/** A merchant's endpoint: keeps each message as it came and answers with `answer(message)`. */
export async function merchant(answer) {
  const messages = [];
  const waiting = [];
  const server = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const message = { headers: request.headers, body: Buffer.concat(chunks), path: request.url };
      messages.push(message);
      const { status, body } = answer(message);
      response.writeHead(status).end(body);
      waiting.splice(0).forEach((wake) => wake());
    });
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return {
    url: `http://127.0.0.1:${server.address().port}/notify`,
    /** The first message that fits, waiting for it up to ten seconds. */
    async message(fits) {
      const deadline = Date.now() + 10_000;
      for (;;) {
        const found = messages.find(fits);
        if (found) return found;
        const left = deadline - Date.now();
        assert.ok(left > 0, `no such message among ${messages.length}`);
        await new Promise((resolve) => { waiting.push(resolve); setTimeout(resolve, left).unref(); });
      }
    },
  };
}

/** One call of the control API. */
export async function control(method, path, body) {
  const response = await fetch(`${world.control}${path}`, { method, body: body && JSON.stringify(body) });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text);
}

/** The day before the rails' today, and their today, as Beijing dates. */
export async function nextDay() {
  const { now } = await control('GET', '/v1/clock');
  const day = beijing(now);
  const tomorrowNoon = new Date(`${day}T12:00:00+08:00`).getTime() + 24 * 3600 * 1000;
  await control('POST', '/v1/clock', { set: new Date(tomorrowNoon).toISOString() });
  return day;
}

function beijing(instant) {
  return new Date(new Date(instant).getTime() + 8 * 3600 * 1000).toISOString().slice(0, 10);
}

let orders = 0;
/** A fresh order number of letters and digits. */
export function orderNo(tag) {
  orders += 1;
  return `${tag}${process.pid}x${Date.now()}x${orders}`;
}

process.on('uncaughtException', (error) => {
  // The packages' own errors print pages of sockets; what matters is what was asked and what came back.
  const { config, response } = error;
  if (config && response) console.error(`${config.method} ${config.url}: ${response.status} ${JSON.stringify(response.data)}`);
  console.error(error.stack ?? error);
  process.exit(1);
});
