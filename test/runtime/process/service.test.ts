import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../../runtime/process/failure.js';
import { runServices, type Service, withTimeout } from '../../../runtime/process/service.js';

const log = pino({ level: 'silent' });

function recorder(events: string[], name: string, overrides: Partial<Service> = {}): Service {
  return {
    name,
    start: async () => void events.push(`start ${name}`),
    stop: async () => void events.push(`stop ${name}`),
    ...overrides,
  };
}

describe('runServices', () => {
  it('starts in order, stops in reverse, and ends with 0 when one is done', async () => {
    const events: string[] = [];
    const code = await runServices([recorder(events, 'a'), recorder(events, 'b', { done: Promise.resolve() })], log, {
      onReady: () => events.push('ready'),
    });
    expect(code).toBe(0);
    expect(events).toEqual(['start a', 'start b', 'ready', 'stop b', 'stop a']);
  });

  it('stops what has started when a start fails, and ends with 1', async () => {
    const events: string[] = [];
    const failures: unknown[] = [];
    const broken = recorder(events, 'b', { start: () => Promise.reject(new Failure('X', 'no b')) });
    const code = await runServices([recorder(events, 'a'), broken, recorder(events, 'c')], log, {
      onFailure: (error) => failures.push(error),
    });
    expect(code).toBe(1);
    expect(events).toEqual(['start a', 'stop b', 'stop a']);
    expect(failures).toHaveLength(1);
  });

  it('ends with 1 when a running service breaks', async () => {
    const events: string[] = [];
    const code = await runServices([recorder(events, 'a', { done: Promise.reject(new Error('broke')) })], log, {
      onFailure: () => undefined,
    });
    expect(code).toBe(1);
    expect(events).toEqual(['start a', 'stop a']);
  });
});

describe('withTimeout', () => {
  it('rejects with its message', async () => {
    await expect(withTimeout(new Promise(() => undefined), 5, 'too slow')).rejects.toThrow('too slow');
  });
});
