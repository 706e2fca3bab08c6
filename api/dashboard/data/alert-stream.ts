/**
 * Alerts as the server pushes them: Server-Sent Events (WHATWG HTML, section 9.2), one stream a tab however many parts of the page
 * listen. Lists are asked for again now and then whether or not it comes, so a stream that cannot be had costs seconds, not alerts.
 */
import type { Alert } from '../../views/alert-view.js';

/** The server says something every 8 s; after so long it is gone. */
const SILENCE_MAX_MS = 40_000;
/** A stream that broke is not tried again before. */
const RETRY_MS = 5_000;

export interface AlertListener {
  readonly onAlert: (alert: Alert) => void;
  /** Changes may have been missed. */
  readonly onReset: () => void;
}

export class AlertStream {
  private readonly listeners = new Set<AlertListener>();
  private lastEventId = '';
  private running: AbortController | null = null;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private isWanted = false;

  subscribe(listener: AlertListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Both may be called again and again. */
  open(): void {
    this.isWanted = true;
    if (this.running !== null || this.retry !== undefined) return;
    this.running = new AbortController();
    void this.run(this.running);
  }

  close(): void {
    this.isWanted = false;
    clearTimeout(this.retry);
    this.retry = undefined;
    this.running?.abort();
    this.running = null;
  }

  private async run(controller: AbortController): Promise<void> {
    const { signal } = controller;
    let silence = setTimeout(() => controller.abort(), SILENCE_MAX_MS);
    try {
      const response = await fetch('/api/alerts/stream', {
        headers: {
          accept: 'text/event-stream',
          ...(this.lastEventId === '' ? {} : { 'last-event-id': this.lastEventId }),
        },
        signal,
      });
      if (!response.ok || response.body === null) return;
      const parse = createEventParser();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        clearTimeout(silence);
        silence = setTimeout(() => controller.abort(), SILENCE_MAX_MS);
        for (const event of parse(part.value)) if (!signal.aborted) this.take(event);
      }
    } catch {
      // Closed by the page, or broken: it is opened again.
    } finally {
      clearTimeout(silence);
      if (this.running === controller) this.ended();
    }
  }

  private ended(): void {
    this.running = null;
    if (!this.isWanted) return;
    this.retry = setTimeout(() => {
      this.retry = undefined;
      this.open();
    }, RETRY_MS);
  }

  private take({ type, data, id }: StreamEvent): void {
    this.lastEventId = id;
    if (type === 'alert') {
      const alert = JSON.parse(data) as Alert;
      for (const { onAlert } of this.listeners) onAlert(alert);
    } else if (type === 'reset') {
      for (const { onReset } of this.listeners) onReset();
    }
  }
}

interface StreamEvent {
  readonly type: string;
  readonly data: string;
  readonly id: string;
}

/** Events of a stream that comes in pieces. Only what our server sends is understood: lines end with LF. */
export function createEventParser(): (text: string) => StreamEvent[] {
  let rest = '';
  let id = '';
  return (text) => {
    const blocks = (rest + text).split('\n\n');
    rest = blocks.pop() ?? '';
    return blocks.flatMap((block) => {
      let type = 'message';
      const data: string[] = [];
      for (const line of block.split('\n')) {
        const [, name, value = ''] = /^(\w+):? ?(.*)$/.exec(line) ?? [];
        if (name === 'event') type = value;
        else if (name === 'data') data.push(value);
        else if (name === 'id') id = value;
      }
      return data.length === 0 ? [] : [{ type, data: data.join('\n'), id }];
    });
  };
}
