/**
 * Alerts as the server pushes them: Server-Sent Events (WHATWG HTML, section 9.2) read with fetch, because EventSource sends
 * no token. The page asks every two seconds whether or not they come, so a stream that cannot be had costs seconds, not alerts.
 */
import { authorization } from './client.js';

/** The server says something every 15 s; after so long it is gone. */
const SILENCE_MAX_MS = 40_000;
/** A stream that broke is not tried again before. */
const RETRY_MS = 5_000;

/**
 * @param {{ onAlert: (alert: any) => void, onReset: () => void }} handlers `onReset`: changes may have been missed
 * @returns {{ open: () => void, close: () => void }} both may be called again and again
 */
export function createAlertStream({ onAlert, onReset }) {
  let lastEventId = '';
  let failedAt = Number.NEGATIVE_INFINITY;
  /** @type {AbortController | null} */
  let running = null;

  /** @param {SseEvent} event */
  function take({ type, data, id }) {
    lastEventId = id;
    if (type === 'alert') onAlert(JSON.parse(data));
    else if (type === 'reset') onReset();
  }

  /** @param {AbortController} controller */
  async function run(controller) {
    const { signal } = controller;
    let silence = setTimeout(() => controller.abort(), SILENCE_MAX_MS);
    try {
      const response = await fetch('/api/alerts/stream', {
        headers: {
          accept: 'text/event-stream',
          ...authorization(),
          ...(lastEventId && { 'last-event-id': lastEventId }),
        },
        signal,
      });
      if (!response.ok || response.body === null) return;
      const parse = createEventParser();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        clearTimeout(silence);
        silence = setTimeout(() => controller.abort(), SILENCE_MAX_MS);
        for (const event of parse(part.value)) if (!signal.aborted) take(event);
      }
    } catch {
      // Closed by the page, or broken: the page opens it again.
    } finally {
      clearTimeout(silence);
      if (running === controller) {
        running = null;
        failedAt = performance.now();
      }
    }
  }

  return {
    open() {
      if (running !== null || performance.now() - failedAt < RETRY_MS) return;
      running = new AbortController();
      run(running);
    },
    close() {
      running?.abort();
      running = null;
    },
  };
}

/** @typedef {{ type: string, data: string, id: string }} SseEvent */

/** Events of a stream that comes in pieces. Only what our server sends is understood: lines end with LF. @returns {(text: string) => SseEvent[]} */
export function createEventParser() {
  let rest = '';
  let id = '';
  return (text) => {
    const blocks = (rest + text).split('\n\n');
    rest = blocks.pop() ?? '';
    return blocks.flatMap((block) => {
      let type = 'message';
      const data = [];
      for (const line of block.split('\n')) {
        const [, name, value] = /^(\w+):? ?(.*)$/.exec(line) ?? [];
        if (name === 'event') type = value;
        else if (name === 'data') data.push(value);
        else if (name === 'id') id = value;
      }
      return data.length === 0 ? [] : [{ type, data: data.join('\n'), id }];
    });
  };
}
