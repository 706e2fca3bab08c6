/** Processor time and memory of processes and all their descendants, from /proc (Linux, man 5 proc). */
import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks a second of /proc/PID/stat; 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
/** A look at a whole family takes some milliseconds, which what is measured would miss. */
const INTERVAL_MS = 1_000;

export interface ProcessUsage {
  readonly cpuSeconds: number;
  /** The most that the processes held at one look: memory of their own, and what they share once. */
  readonly peakBytes: number;
}

/** Bytes of a process by kind, man 5 proc. */
interface ProcessMemory {
  readonly own: number;
  /** Pages of files and of shared memory, which the others of its family mostly have too. */
  readonly shared: number;
}

interface ProcessStat {
  readonly parent: number;
  /** Of the process and of those of its children that have ended and been waited for. */
  readonly ticks: number;
}

/** Looks at a process tree until it is stopped. What ends between two looks is counted up to the last of them. */
export class ProcessMeter {
  private readonly startTicks: number;
  private ticks: number;
  private peak = 0;
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly pid: number) {
    this.startTicks = this.look();
    this.ticks = this.startTicks;
    this.timer = setInterval(() => this.sample(), INTERVAL_MS);
    this.timer.unref();
  }

  /** The most held at any look so far. */
  get peakBytes(): number {
    return this.peak;
  }

  /** Processor seconds since the meter was made. */
  usage(): ProcessUsage {
    this.sample();
    return { cpuSeconds: (this.ticks - this.startTicks) / TICKS_PER_SECOND, peakBytes: this.peak };
  }

  stop(): ProcessUsage {
    clearInterval(this.timer);
    return this.usage();
  }

  private sample(): void {
    this.ticks = Math.max(this.ticks, this.look());
  }

  private look(): number {
    let ticks = 0;
    let own = 0;
    let shared = 0;
    for (const [pid, stat] of familyOf(this.pid)) {
      const memory = readMemory(pid);
      ticks += stat.ticks;
      own += memory.own;
      shared = Math.max(shared, memory.shared);
    }
    this.peak = Math.max(this.peak, own + shared);
    return ticks;
  }
}

/** The process and its descendants. */
function familyOf(root: number): Map<number, ProcessStat> {
  const all = new Map<number, ProcessStat>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = readStat(Number(name));
    if (stat !== null) all.set(Number(name), stat);
  }
  const family = new Map<number, ProcessStat>();
  for (const [pid, stat] of all) {
    let ancestor: number | undefined = pid;
    while (ancestor !== undefined && ancestor > 1 && ancestor !== root) ancestor = all.get(ancestor)?.parent;
    if (ancestor === root) family.set(pid, stat);
  }
  return family;
}

function readStat(pid: number): ProcessStat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in parentheses and may hold anything; field 3 follows the last of them.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0);
    return { parent: Number(fields[1]), ticks };
  } catch {
    return null; // it has ended meanwhile
  }
}

/** From `status`: `smaps_rollup` would divide shared pages fairly, but walks every page of Postgres' buffers to do so. */
function readMemory(pid: number): ProcessMemory {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const bytes = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
    return { own: bytes('RssAnon'), shared: bytes('RssFile') + bytes('RssShmem') };
  } catch {
    return { own: 0, shared: 0 }; // it has ended meanwhile
  }
}

/** The most memory that a process has held, its own part of shared pages included; 0 when it has ended. */
export function residentPeakBytes(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
