/** What a bench is. Each runs in a process of its own, so that neither compiled code nor garbage of one weighs on the next. */
import type { Figure } from './figure.js';

/** How much a bench does. Benches take the part of it that they have a use for. */
export interface BenchScale {
  /** Length of sustained measurements. */
  readonly seconds: number;
  /** Length of generated inputs. */
  readonly packets: number;
  /** Runs of which the median counts. */
  readonly repeats: number;
  /** A check that everything works, in a fraction of the time; its figures mean little. */
  readonly quick: boolean;
  /** Also what takes many minutes: tables of 20,000,000 rows. */
  readonly full: boolean;
  /** Where CPU profiles of every process go; null for none. */
  readonly profileFolder: string | null;
}

/** Arguments of Node for a process of the run. */
export function nodeArguments({ profileFolder }: BenchScale): string[] {
  return profileFolder === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`];
}

export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** The Kafka and the Postgres of the run, both of its own. */
export interface BenchServers {
  readonly brokers: readonly string[];
  readonly kafkaUser: string;
  readonly kafkaPassword: string;
  /** Logs in Kafka's own tools. */
  readonly kafkaClientFile: string;
  readonly postgres: DatabaseAddress;
  /** For their share of processor time and memory. */
  readonly kafkaPid: number;
  readonly postgresPid: number;
  /** Where the broker keeps its topics. */
  readonly kafkaDirectory: string;
}

export interface BenchContext {
  readonly scale: BenchScale;
  /** A folder for inputs and results, shared by the benches of a run and removed after it. */
  readonly folder: string;
  /** Throws for a bench that has not said `needsServers`. */
  readonly servers: () => BenchServers;
  /** A line about what goes on. */
  say(line: string): void;
}

export interface Bench {
  readonly name: string;
  /** For `--help`. */
  readonly summary: string;
  readonly needsServers: boolean;
  run(context: BenchContext): Promise<readonly Figure[]>;
}

/** A bench that cannot run here, and why: a permission or a tool is missing. Named in the report, no failure. */
export class NotHere extends Error {
  override readonly name = 'NotHere';
}
