/** The distinct MACs of a segment, numbered from 1. There are few: those of routers, or of the hosts of one link. */
import { SEGMENT_PACKETS } from '../../schemas/tables/packet-table.js';
import type { CopyBuffer } from './copy-buffer.js';

const MACADDR_OID = 829;

export class MacDictionary {
  private count = 0;
  private readonly bytes = new Uint8Array(SEGMENT_PACKETS * 2 * 6);

  reset(): void {
    this.count = 0;
  }

  numberOf(macs: Uint8Array, from: number): number {
    const { bytes } = this;
    for (let index = this.count - 1; index >= 0; index--) {
      const at = index * 6;
      // The last bytes differ first.
      if (
        bytes[at + 5] === macs[from + 5] &&
        bytes[at + 4] === macs[from + 4] &&
        bytes[at + 3] === macs[from + 3] &&
        bytes[at + 2] === macs[from + 2] &&
        bytes[at + 1] === macs[from + 1] &&
        bytes[at] === macs[from]
      ) {
        return index + 1;
      }
    }
    for (let index = 0; index < 6; index++) bytes[this.count * 6 + index] = macs[from + index]!;
    return ++this.count;
  }

  put(copy: CopyBuffer): void {
    const start = copy.beginArray(MACADDR_OID, this.count);
    for (let index = 0; index < this.count; index++) copy.putBytes(this.bytes, index * 6, index * 6 + 6);
    copy.endField(start);
  }
}
