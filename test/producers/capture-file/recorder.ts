/** Records what a capture parser hands on, for tests. */
import type { CaptureFailure } from '../../../producers/capture-file/failure.js';
import type {
  CaptureInterface,
  FrameHandler,
  InterfaceStatistics,
} from '../../../producers/capture-file/frame-handler.js';
import { CaptureParser } from '../../../producers/capture-file/parser.js';

export interface RecordedFrame {
  readonly bytes: string;
  readonly frameLength: number;
  readonly timestamp: number;
  readonly interfaceIndex: number;
}

export class Recorder implements FrameHandler {
  readonly interfaces: CaptureInterface[] = [];
  readonly frames: RecordedFrame[] = [];
  readonly statistics: InterfaceStatistics[] = [];

  onInterface(captureInterface: CaptureInterface): void {
    this.interfaces.push(captureInterface);
  }

  onFrame(
    buffer: Uint8Array,
    offset: number,
    capturedLength: number,
    frameLength: number,
    timestamp: number,
    interfaceIndex: number,
  ): void {
    if (offset < 0 || offset + capturedLength > buffer.length) throw new Error('a frame beyond its buffer');
    const bytes = Buffer.from(buffer.subarray(offset, offset + capturedLength)).toString('hex');
    this.frames.push({ bytes, frameLength, timestamp, interfaceIndex });
  }

  onStatistics(statistics: InterfaceStatistics): void {
    this.statistics.push(statistics);
  }
}

export interface Recording {
  readonly recorder: Recorder;
  readonly failure: CaptureFailure | null;
}

/** Parses a capture in chunks of at most `chunkLength` bytes, each overwritten after the parser has seen it. */
export function record(capture: Uint8Array, chunkLength = Number.POSITIVE_INFINITY): Recording {
  const recorder = new Recorder();
  const parser = new CaptureParser(recorder);
  for (let offset = 0; offset < capture.length; offset += chunkLength) {
    const chunk = Buffer.from(capture.subarray(offset, offset + chunkLength));
    const failure = parser.push(chunk);
    chunk.fill(0xee);
    if (failure !== null) return { recorder, failure };
    if (!Number.isFinite(chunkLength)) break;
  }
  return { recorder, failure: parser.end() };
}
