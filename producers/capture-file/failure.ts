/** Why a capture could not be read, or not to its end. What was read before stands. */

export type CaptureFailureCode =
  /** Neither pcap nor pcapng. */
  | 'not_a_capture'
  /** A capture of another program, which can be converted. */
  | 'format_unsupported'
  /** Compressed in a way that this platform cannot undo. */
  | 'compression_unsupported'
  /** The compressed stream is broken. */
  | 'decompression_failed'
  /** The file ends inside a header or a packet. */
  | 'truncated'
  /** A length, version or interface that cannot be right: what follows cannot be found. */
  | 'damaged'
  /** The operating system refused: no such file, no permission, a disk error. */
  | 'unreadable';

export interface CaptureFailure {
  readonly code: CaptureFailureCode;
  /** One line: what is wrong and, where there is one, the remedy. It does not name the file. */
  readonly message: string;
  /** Byte of the (decompressed) stream at which the unreadable part begins. */
  readonly offset: number;
  /** Frames read before it. */
  readonly frames: number;
}
