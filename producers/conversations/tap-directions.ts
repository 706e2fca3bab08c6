/**
 * Whether a tap sees both directions. Evidence only counts: a handshake of which the originator's SYN and ACK were seen
 * and nothing of the responder shows that the other half passes by elsewhere; one that was seen whole shows the opposite.
 */

/** Half-seen handshakes before anything is said, and how many times more there must be of them than of whole ones. */
const HALF_SEEN_MIN = 4;
const HALF_SEEN_RATIO = 9;
/** When so much was seen, what was seen long ago counts half. */
const EVIDENCE_MAX = 1024;

export class TapDirections {
  private halfSeen = 0;
  private wholeSeen = 0;
  isOneWay = false;

  sawHalf(): void {
    this.halfSeen++;
    this.decide();
  }

  sawWhole(): void {
    this.wholeSeen++;
    if (this.isOneWay || this.wholeSeen >= EVIDENCE_MAX) this.decide();
  }

  private decide(): void {
    if (this.halfSeen + this.wholeSeen > EVIDENCE_MAX) {
      this.halfSeen /= 2;
      this.wholeSeen /= 2;
    }
    this.isOneWay = this.halfSeen >= HALF_SEEN_MIN && this.halfSeen >= HALF_SEEN_RATIO * this.wholeSeen;
  }
}
