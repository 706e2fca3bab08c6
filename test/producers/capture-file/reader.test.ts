import { execFileSync } from 'node:child_process';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import * as zlib from 'node:zlib';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CaptureConsumer, readCapture } from '../../../producers/capture-file/reader.js';
import { pcapFile } from '../../support/capture-file.js';
import { Recorder } from './recorder.js';

const FRAMES = Array.from({ length: 3000 }, (_, index) => ({
  time: 1_700_000_000_000_000 + index,
  bytes: Buffer.alloc(40 + (index % 400), index),
}));
const CAPTURE = pcapFile(FRAMES); // larger than one chunk of the reader

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nta-reader-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function file(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

async function read(path: string, standardInput?: Readable) {
  const recorder = new Recorder();
  const failure = await readCapture(path, () => recorder, standardInput ? { standardInput } : {});
  return { recorder, failure };
}

describe('a capture', () => {
  it('is read from a file', async () => {
    const { recorder, failure } = await read(await file('plain', CAPTURE));
    expect(failure).toBeNull();
    expect(recorder.frames.map((frame) => frame.bytes)).toEqual(FRAMES.map((frame) => frame.bytes.toString('hex')));
  });

  it('is read from standard input in pieces of any size, packed or not', async () => {
    for (const bytes of [CAPTURE, gzipSync(CAPTURE)]) {
      const pieces = [bytes.subarray(0, 1), bytes.subarray(1, 3), bytes.subarray(3, 1000), bytes.subarray(1000)];
      const { recorder, failure } = await read('-', Readable.from(pieces));
      expect(failure).toBeNull();
      expect(recorder.frames).toHaveLength(FRAMES.length);
    }
  });

  it('is read from a pipe while others go on, packed or not', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    for (const bytes of [CAPTURE, gzipSync(CAPTURE)]) {
      const reading = read(pipe);
      const writer = await open(pipe, 'w');
      await writer.write(bytes.subarray(0, 5));
      await new Promise(setImmediate); // reading that blocks would never let us write the rest
      await writer.writeFile(bytes.subarray(5));
      await writer.close();
      const { recorder, failure } = await reading;
      expect(failure).toBeNull();
      expect(recorder.frames).toHaveLength(FRAMES.length);
    }
  });

  it('is unpacked from gzip whatever its name', async () => {
    const { recorder, failure } = await read(await file('gzip.pcap', gzipSync(CAPTURE)));
    expect(failure).toBeNull();
    expect(recorder.frames).toHaveLength(FRAMES.length);
  });

  it('is unpacked from Zstandard where the platform can, and refused with the remedy where it cannot', async () => {
    const compress = (zlib as { zstdCompressSync?: (bytes: Uint8Array) => Buffer }).zstdCompressSync;
    const packed = compress?.(CAPTURE) ?? Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0]);
    const { recorder, failure } = await read(await file('packed.zst', packed));
    if (compress) {
      expect(failure).toBeNull();
      expect(recorder.frames).toHaveLength(FRAMES.length);
    } else {
      expect(failure).toMatchObject({ code: 'compression_unsupported' });
      expect(failure!.message).toContain('zstd -d');
    }
  });

  it('is read no faster than its consumer takes it', async () => {
    const recorder = new Recorder();
    let waiting = 0;
    let most = 0;
    const failure = await readCapture(await file('slow', CAPTURE), (parser): CaptureConsumer => {
      return {
        onInterface: () => {},
        onFrame: (...frame) => {
          recorder.onFrame(...frame);
          most = Math.max(most, ++waiting);
          if (waiting === 100) parser.pause();
        },
        onPause: async () => {
          await new Promise(setImmediate);
          waiting = 0;
        },
      };
    });
    expect(failure).toBeNull();
    expect(recorder.frames).toHaveLength(FRAMES.length);
    expect(most).toBe(100);
  });

  it('can be given up', async () => {
    const stop = new AbortController();
    const recorder = new Recorder();
    const path = await file('stopped', CAPTURE);
    const failure = await readCapture(
      path,
      (parser) => ({
        onInterface: () => {},
        onFrame: (...frame) => {
          recorder.onFrame(...frame);
          if (recorder.frames.length === 10) {
            parser.pause();
            stop.abort();
          }
        },
      }),
      { signal: stop.signal },
    );
    expect(failure).toBeNull();
    expect(recorder.frames.length).toBeLessThan(FRAMES.length);
  });
});

describe('what cannot be read', () => {
  it.each([
    ['missing', 'there is no such file'],
    ['.', 'directory'],
  ])('is named: %s', async (name, message) => {
    const { failure } = await read(join(folder, name));
    expect(failure).toMatchObject({ code: 'unreadable', frames: 0 });
    expect(failure!.message).toContain(message);
  });

  it('an empty file and a foreign one', async () => {
    expect((await read(await file('empty', Buffer.alloc(0)))).failure!.message).toContain('it is empty');
    expect((await read(await file('foreign', Buffer.from('no')))).failure!.message).toContain('not a capture file');
  });

  it('a gzip stream that is cut keeps what came before', async () => {
    const packed = gzipSync(CAPTURE);
    const { recorder, failure } = await read(await file('cut.gz', packed.subarray(0, packed.length - 100)));
    expect(failure!.code).toBe('truncated');
    expect(recorder.frames.length).toBeGreaterThan(0);
    expect(failure!.frames).toBe(recorder.frames.length);
  });

  it('a gzip stream that is damaged', async () => {
    const packed = Buffer.from(gzipSync(CAPTURE));
    packed.fill(0xff, 200, 260);
    expect((await read(await file('damaged.gz', packed))).failure!.code).toBe('decompression_failed');
  });

  it('a pipe that breaks', async () => {
    const broken = new Readable({ read: () => {} });
    broken.push(CAPTURE.subarray(0, 5000));
    setImmediate(() => broken.destroy(new Error('the other end is gone')));
    const { recorder, failure } = await read('-', broken);
    expect(failure).toMatchObject({ code: 'unreadable', message: 'the other end is gone' });
    expect(recorder.frames.length).toBeGreaterThan(0);
  });
});

it('a consumer that paces its frames is stopped in the middle of a chunk', async () => {
  const path = await file('paced', CAPTURE);
  const stop = new AbortController();
  let frames = 0;
  const failure = await readCapture(
    path,
    (parser): CaptureConsumer => ({
      onInterface: () => undefined,
      onFrame: () => {
        frames++;
        parser.pause();
      },
      onPause: async () => {
        if (frames === 3) stop.abort();
      },
    }),
    { signal: stop.signal },
  );
  expect(failure).toBeNull();
  expect(frames).toBe(3);
});
