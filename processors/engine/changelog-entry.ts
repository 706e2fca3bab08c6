/** What the engine gives to the worker's changelog. */

/**
 * State that must outlive the engine: open episodes, and the windows of detectors that remember longer than input is
 * re-read. Opaque to the worker, which keeps the latest value of a key; null means that the key is gone.
 */
export interface ChangelogEntry {
  readonly key: string;
  readonly value: string | null;
}
