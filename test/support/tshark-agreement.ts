/**
 * Holds the decoder to tshark, frame by frame and field by field. Where both differ for a known reason, the reason
 * stands in `KNOWN_DIFFERENCES`; everything else is a difference to look into.
 */
import { decodeCapture } from '../../producers/decoding/capture-decoder.js';
import { DECODE_FAILURES } from '../../schemas/packets/decode-failure.js';
import {
  type ComparableField,
  type ComparableFrame,
  comparableRow,
  comparableTsharkFrame,
} from './comparable-frame.js';
import { KNOWN_DIFFERENCES, KNOWN_REFUSALS } from './known-differences.js';
import { readWithTshark, type TsharkFrame } from './tshark.js';

/** A frame as the decoder sees it. */
export interface DecodedFrame {
  readonly fields: ComparableFrame;
  readonly linkType: number;
  /** Name of `DECODE_FAILURES`, "" when the frame was decoded whole. */
  readonly failure: string;
}

/** One field in which both differ, with all that an explanation may want to look at. */
export interface Difference {
  /** 1-based, among the frames that both see. */
  readonly frame: number;
  readonly field: ComparableField;
  readonly ours: ComparableFrame[ComparableField];
  readonly tsharks: ComparableFrame[ComparableField];
  readonly decoded: DecodedFrame;
  readonly dissected: TsharkFrame;
}

export interface Agreement {
  /** Frames that both read. */
  readonly frames: number;
  /** One line each: what nobody has explained. */
  readonly unexplained: readonly string[];
  /** How often each known difference occurred, by its reason. */
  readonly explained: ReadonlyMap<string, number>;
}

const FIELDS_OF_LINE = 400;

export async function compareWithTshark(path: string): Promise<Agreement> {
  const { frames: dissected, error } = await readWithTshark(path);
  const { frames: decoded, failure } = await decodedFrames(path);
  const unexplained: string[] = [];
  const explained = new Map<string, number>();
  if (decoded.length !== dissected.length) {
    const refusal = KNOWN_REFUSALS.find(({ message }) => message.test(error?.stderr ?? ''));
    const reasons = `ours: ${failure ?? 'read to the end'}; tshark: ${error?.stderr.trim() ?? 'read to the end'}`;
    if (refusal) explained.set(refusal.reason, 1);
    else unexplained.push(`${decoded.length} frames, tshark ${dissected.length} (${reasons})`);
  }
  const frames = Math.min(decoded.length, dissected.length);
  for (let index = 0; index < frames; index++) {
    for (const difference of frameDifferences(index + 1, decoded[index]!, dissected[index]!)) {
      const known = KNOWN_DIFFERENCES.find((one) => one.applies(difference));
      if (known) explained.set(known.reason, (explained.get(known.reason) ?? 0) + 1);
      else unexplained.push(describe(difference));
    }
  }
  return { frames, unexplained, explained };
}

function frameDifferences(frame: number, decoded: DecodedFrame, dissected: TsharkFrame): Difference[] {
  const theirs = comparableTsharkFrame(dissected);
  const fields = Object.keys(theirs) as ComparableField[];
  return fields
    .filter((field) => decoded.fields[field] !== theirs[field])
    .map((field) => ({ frame, field, ours: decoded.fields[field], tsharks: theirs[field], decoded, dissected }));
}

function describe({ frame, field, ours, tsharks, decoded, dissected }: Difference): string {
  const failure = decoded.failure === '' ? '' : ` failure ${decoded.failure}`;
  const layers = dissected.layers.join(':');
  return `frame ${frame} ${field}: ${ours}, tshark ${tsharks} (${layers}${failure})`.slice(0, FIELDS_OF_LINE);
}

/** Every frame of a capture as `nta decode` has it, and why reading ended early, if it did. */
async function decodedFrames(path: string): Promise<{ frames: DecodedFrame[]; failure: string | undefined }> {
  const frames: DecodedFrame[] = [];
  const { failure } = await decodeCapture(path, {}, (block) => {
    for (let row = 0; row < block.count; row++) {
      frames.push({
        fields: comparableRow(block, row),
        linkType: block.origins[block.origin[row]!]!.linkType,
        failure: DECODE_FAILURES[block.failure[row]!]!,
      });
    }
  });
  return { frames, failure: failure?.message };
}
