/** Processor time and memory of processes and all their descendants, from /proc (Linux, man 5 proc). */
import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks a second of /proc/PID/stat; 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
const INTERVAL_MS = 250;

export interface ProcessUsage {
  readonly cpuSeconds: number;
  /** The most that the processes held at one look, shared pages divided among those who share them. */
  readonly peakBytes: number;
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
    let bytes = 0;
    for (const [pid, stat] of familyOf(this.pid)) {
      ticks += stat.ticks;
      bytes += proportionalBytes(pid);
    }
    this.peak = Math.max(this.peak, bytes);
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

function proportionalBytes(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0; // it has ended, or belongs to another user
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
