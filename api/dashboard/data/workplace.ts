/** What every part of the page shares, handed down by the shell: the API, the address, what is looked at, and how times are told. */
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { CaptureNode } from '../../routes/nodes.js';
import type { TimeWords } from '../words/times.js';
import type { Address } from './address.js';
import type { AlertStream } from './alert-stream.js';
import type { Answer } from './answer.js';
import type { Api } from './api.js';
import type { Query } from './calls.js';
import type { Preferences } from './preferences.js';
import type { Scope } from './scope.js';

export interface Workplace {
  readonly api: Api;
  readonly stream: AlertStream;
  readonly address: Address;
  /** As the address says it; where it leaves the time open, what was found to be there. */
  readonly scope: Scope;
  /** The same as parameters of calls: time, nodes; without the search. Null while it is not known yet. */
  readonly looked: Query | null;
  /** Capture nodes as they were asked for last; none while they are not known. */
  readonly nodes: readonly CaptureNode[];
  /** The same, with whether they are known. */
  readonly nodesAnswer: Answer<readonly CaptureNode[]>;
  readonly times: TimeWords;
  readonly preferences: Preferences;
  readonly setPreferences: (changes: Partial<Preferences>) => void;
  /** Whether the page follows what happens: not while it is paused, or in the background. */
  readonly isLive: boolean;
  readonly isPaused: boolean;
  readonly setPaused: (isPaused: boolean) => void;
  /** Says what came of something that a person did. */
  readonly notify: (text: string, undo?: () => void) => void;
}

export const WorkplaceContext = createContext<Workplace | null>(null);

export function useWorkplace(): Workplace {
  const workplace = useContext(WorkplaceContext);
  if (workplace === null) throw new Error('outside of the shell');
  return workplace;
}
