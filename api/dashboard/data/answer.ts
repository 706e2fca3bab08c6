/** What a part of the page knows of what it asked for. */
import type { ApiError } from './api.js';

export interface Answer<T> {
  /** The last that came; of a call before, while `isStale`. */
  readonly data: T | null;
  readonly problem: ApiError | null;
  /** Whether `data` answers another call than the one that is asked now. */
  readonly isStale: boolean;
  readonly reload: () => void;
}
