/** Who receives what a capture holds. All calls are synchronous, in the order of the file. */

export interface CaptureInterface {
  /** From 0, in order of appearance in the whole stream, over all sections. */
  readonly index: number;
  /** LINKTYPE_ value. */
  readonly linkType: number;
  /** Bytes; 0 when there is no limit. */
  readonly snapLength: number;
  /** The option `if_name` of pcapng; null when the capture does not say. */
  readonly name: string | null;
  /** What a tick of the capture's clock is, e.g. "10^-6 s". */
  readonly resolution: string;
}

export interface InterfaceStatistics {
  readonly interfaceIndex: number;
  /** `isb_ifrecv`: frames the interface received; null when the capture does not say. */
  readonly received: number | null;
  /** `isb_ifdrop` and `isb_osdrop`: frames dropped by the interface, and by the system for lack of room. */
  readonly interfaceDropped: number | null;
  readonly systemDropped: number | null;
}

export interface FrameHandler {
  /** Comes before the first frame of an interface. */
  onInterface(captureInterface: CaptureInterface): void;
  /**
   * A frame: `capturedLength` bytes of `buffer` from `offset`, valid until `onFramesRead`; to whom that is not enough copies them there.
   *
   * @param frameLength bytes on the wire
   * @param timestamp µs since 1970-01-01 UTC, finer clocks cut down to µs. Frames without one (pcapng simple packet
   *   blocks) carry that of the frame before.
   */
  onFrame(
    buffer: Uint8Array,
    offset: number,
    capturedLength: number,
    frameLength: number,
    timestamp: number,
    interfaceIndex: number,
  ): void;
  /** The buffer of the frames so far is about to be used again. */
  onFramesRead?(): void;
  /** The counters that a pcapng capture wrote about an interface; the latest of each interface counts. */
  onStatistics?(statistics: InterfaceStatistics): void;
}
